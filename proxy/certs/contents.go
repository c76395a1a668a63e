package certs

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Contents are the files of a Secret or ConfigMap by key, as a kubelet would
// mount them. They are judged where they are, in memory: by the same rules, and
// in the same words, as [Open] judges them once they are mounted, so that a
// verdict on a Secret is the verdict of every sidecar that mounts it. Faults,
// Items and Warnings name the key alone as the file.
type Contents map[string][]byte

// A Judgement is what Contents are worth. It holds no private key.
type Judgement struct {
	Items    []Item   // the certificates understood, in spite of any Faults
	Warnings []string // what is odd but not fatal, one sentence each, with its key in front
	Oddities []Oddity // the same, with a word for each
	Faults   []*Fault // why a sidecar cannot use them; empty if it can
}

// JudgePair judges c as the directory [Files.Certificate]: tls.crt and tls.key.
func (c Contents) JudgePair(now time.Time) Judgement {
	var r reading
	r.certificate = c.required(&r, FieldCertificate, certificateKey)
	r.key, r.keyApart = c.required(&r, FieldCertificate, privateKey), true
	return r.judge(ClientAuth, now)
}

// maxKeys bounds the keys that are judged. A Secret of a mebibyte can have a
// hundred thousand of them; a list of CAs of the size of Mozilla's, each in a
// key of its own, has 150.
const maxKeys = 1000

// JudgeCA judges c as a directory of [Files.CA]. Contents with more than 1,000
// keys are not looked into: that is their only Fault, of [CodeTooLarge], though a
// sidecar would read them.
func (c Contents) JudgeCA(usage Usage, now time.Time) Judgement {
	if len(c) > maxKeys {
		return c.tooMany()
	}
	var r reading
	names := c.names()
	lies := setOf(names)
	var reasons []string
	for _, name := range visible(names) {
		if why := r.leftOut(name, lies, never); why != "" {
			reasons = append(reasons, name+" "+why)
		} else if s := c.source(&r, FieldCA, name); s != nil {
			s.listed = true
			r.ca = append(r.ca, *s)
		}
	}
	if len(r.ca)+len(r.faults) == 0 {
		r.fault(&Fault{Code: CodeCAEmpty, File: "*", Field: FieldCA, Problem: "there is no CA file" + because(reasons),
			Fix: "put CA certificates into it under keys that end in .crt, .pem or .cer"})
	}
	return r.judge(usage, now)
}

func (c Contents) tooMany() Judgement {
	return Judgement{Faults: []*Fault{{Code: CodeTooLarge, File: "*",
		Problem: fmt.Sprintf("there are %d keys, and of more than %d none is looked into", len(c), maxKeys),
		Fix:     "leave only certificates and keys in it, several CA certificates in one key"}}}
}

// The names by which certificates and keys are commonly stored: those of a
// Secret of type kubernetes.io/tls, and that of cert-manager for a CA.
const certificateKey, privateKey, authorityKey = "tls.crt", "tls.key", "ca.crt"

// JudgeAny judges c for readers of which it is not known what they read: every
// certificate that can be understood is an Item, whatever its key. There are
// Faults only in what is stored under the common names: a tls.crt, tls.key or
// ca.crt that is not what its name says, and a tls.crt and tls.key that are no
// pair. That something is not there is none. The bound is that of
// [Contents.JudgeCA].
func (c Contents) JudgeAny(now time.Time) Judgement {
	if len(c) > maxKeys {
		return c.tooMany()
	}
	var j Judgement
	var r reading
	_, certified := c[certificateKey]
	_, keyed := c[privateKey]
	if certified && keyed {
		j.Faults = c.JudgePair(now).Faults
	}
	for _, name := range visible(c.names()) {
		s := c.source(&r, "", name)
		if s == nil {
			continue
		}
		items, fault := s.dated()
		j.Items = append(j.Items, items...)
		paired := certified && keyed && (name == certificateKey || name == privateKey)
		if common := slices.Contains([]string{certificateKey, privateKey, authorityKey}, name); fault != nil && common && !paired {
			j.Faults = append(j.Faults, fault)
		}
	}
	j.Faults = append(j.Faults, r.faults...)
	return j
}

// dated returns the certificates of s, each in the role that its place suggests.
func (s *source) dated() (items []Item, fault *Fault) {
	certs, err := x509.ParseCertificates(s.data)
	if err != nil || len(certs) == 0 { // no DER
		var held content
		if held, fault = s.content(); fault != nil {
			return nil, fault
		}
		certs = held.certs
	}
	for i, c := range certs {
		role := roleChain
		switch {
		case mayIssue(certs[0]):
			role = roleCA
		case i == 0:
			role = roleCertificate
		}
		items = append(items, Item{File: s.file, Role: role, Cert: c})
	}
	return items, nil
}

// never says of a key that it is no directory.
func never(string) bool { return false }

func (c Contents) names() []string { return slices.Sorted(maps.Keys(c)) }

// source returns the value of key name as a file, or nil and notes why it
// cannot be one.
func (c Contents) source(r *reading, field, name string) *source {
	if len(c[name]) > maxFile {
		r.fault(r.explain(field, name, errTooLarge))
		return nil
	}
	return &source{file: name, field: field, data: c[name]}
}

// required is source for a key that must be there.
func (c Contents) required(r *reading, field, name string) *source {
	if _, there := c[name]; there {
		return c.source(r, field, name)
	}
	holds := "there are no keys"
	if names := visible(c.names()); len(names) > 0 {
		holds = "the keys are " + few(names, shownNames)
	}
	r.fault(&Fault{Code: CodeMissing, File: name, Field: field, Problem: fmt.Sprintf("there is no such key (%s)", holds),
		Fix: "store the certificate with its chain under tls.crt and its private key under tls.key, as kubectl create secret tls does"})
	return nil
}

// judge runs the parser over what was read, as parse does, but keeps what it
// understood when there are Faults, and lets the Bundle go.
func (r *reading) judge(usage Usage, now time.Time) Judgement {
	p := &parser{material: r.material, usage: usage, now: now, out: &Bundle{usage: usage}}
	for _, o := range r.oddities {
		p.warn(CodeLeftOut, o.file, "%s", o.text)
	}
	p.anchors()
	p.pair()
	return Judgement{Items: p.out.Items, Warnings: p.out.Warnings, Oddities: p.out.Oddities, Faults: p.faults}
}

// ExpiryStep returns the last of the times before the end of c at which its end
// is announced (30, 14, 7 and 1 days, and 0 once it has expired) that has passed
// at now, and when the one after it will pass; next is zero after the end. ok is
// false while none has passed.
//
// As in the sidecar's log, a step that is more than two thirds of the whole life
// of c is left out: a certificate that lives for a day is not about to expire
// for all of it.
func ExpiryStep(c *x509.Certificate, now time.Time) (step time.Duration, next time.Time, ok bool) {
	passed := passedSteps(c.NotBefore, c.NotAfter, now)
	for _, s := range steps[passed:] {
		// A moment later, as a step has passed when less than it is left.
		if at := c.NotAfter.Add(-s).Add(time.Nanosecond); passedSteps(c.NotBefore, c.NotAfter, at) > passed {
			next = at
			break
		}
	}
	if passed == 0 {
		return 0, next, false
	}
	return steps[passed-1], next, true
}
