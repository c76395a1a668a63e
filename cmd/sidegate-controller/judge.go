package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/config"
)

// The reasons of Events, and in kebab case of metrics.
const (
	reasonExpiring      = "CertificateExpiring" // less than 30, 14, 7 or 1 days are left
	reasonExpired       = "CertificateExpired"
	reasonKeyMismatch   = "KeyMismatch"           // certificate and key are not a pair, or the chain is in a wrong order
	reasonNotParsable   = "NotParsable"           // a file is not what it should be
	reasonNotUsable     = "NotUsable"             // it is, but nobody may use it: a weak key, not valid yet
	reasonNoCA          = "NoCA"                  // no trust anchor
	reasonNoList        = "NoRevocationList"      // no revocation list where one was promised
	reasonListExpired   = "RevocationListExpired" // the next one is due
	reasonInvalidConfig = "InvalidConfig"         // sidegate.yaml would be refused
	reasonMissing       = "Missing"               // the object, or a key of it
	reasonImmutable     = "Immutable"             // it can never be renewed
	reasonRecovered     = "Recovered"             // none of all that any more
)

// configKey is the key of a ConfigMap that holds a configuration.
const configKey = "sidegate.yaml"

// A finding is one thing that people should know of an object.
type finding struct {
	reason string
	note   string // what, where and how to mend it; the same as long as the matter is
	since  string // resource version at which it began
	day    int64  // on which it is told; see today
}

// A verdict is what there is to know of an object at one time.
type verdict struct {
	findings []finding            // the worst first, at most maxFindings
	more     int                  // findings that there is no room for
	reasons  map[string]bool      // of all of them
	expires  map[string]time.Time // by key, the first end of a certificate in it
	updates  map[string]time.Time // by key, when the first revocation list in it is out of date
	next     time.Time            // when time alone will change this; zero: never
}

const (
	// maxFindings bounds what one object, which may be hostile, can make us say;
	// maxKeys what it can make us measure.
	maxFindings = 10
	maxKeys     = 100
)

// consequence ends the note on what a sidecar cannot use; unjudged that on what
// we do not look into.
const (
	consequence = "Sidecars that run go on with what they have; one that starts now does not become ready."
	unjudged    = "Until then nobody tells whether sidecars can use it."
)

// judge says what there is to know of o with content c, which pods use as u. It
// takes a tenth of a second at worst, as an object has a mebibyte at most.
func judge(o object, c content, u use, now time.Time) verdict {
	var v verdict
	if !u.own && u.roles&rolePair != 0 {
		v.add(c.files.JudgePair(now), u.roles, now)
	}
	if !u.own && u.roles&roleCA != 0 {
		v.add(c.files.JudgeCA(u.usage, now), u.roles, now)
	}
	if u.own && u.roles&(rolePair|roleCA) != 0 || u.roles&roleEgress != 0 {
		v.add(c.files.JudgeAny(now), u.roles, now)
	}
	if u.roles&roleCRL != 0 {
		v.addLists(c.files, u.own, now)
	}
	if u.roles&roleConfig != 0 {
		v.addConfig(c.files)
	}
	if c.immutable {
		v.find(reasonImmutable, "The %s is immutable: kubelets do not look at it again, so a renewed certificate or configuration never arrives. Delete it and create it without immutable: true, then restart its pods.", o.kind)
	}
	if v.more > 0 {
		v.findings[maxFindings-1].note += fmt.Sprintf(" (There are %d more findings.)", v.more)
	}
	return v
}

// find adds a finding, if there is room for it. What is judged for two of its
// roles has the same fault twice, which is told once.
func (v *verdict) find(reason, format string, a ...any) {
	if !v.room(reason) {
		return
	}
	f := finding{reason: reason, note: sentence(fmt.Sprintf(format, a...))}
	if !slices.Contains(v.findings, f) {
		v.findings = append(v.findings, f)
	}
}

// room notes reason, and reports whether there is room for the words as well. A
// hostile object has thousands of faults, and words cost time.
func (v *verdict) room(reason string) bool {
	if v.reasons == nil {
		v.reasons = map[string]bool{}
	}
	v.reasons[reason] = true
	if len(v.findings) < maxFindings {
		return true
	}
	v.more++
	return false
}

// add adds what j says of an object in these roles. The end of a certificate is
// told by its dates, and by no fault as well.
func (v *verdict) add(j certs.Judgement, roles role, now time.Time) {
	for _, f := range j.Faults {
		end := consequence
		if f.Code == certs.CodeTooLarge {
			end = unjudged
		}
		if f.Code != certs.CodeExpired && f.Code != certs.CodeCAExpired {
			v.find(reasonOf(f.Code), "%s: %s. To mend it: %s. %s", f.File, f.Problem, f.Fix, end)
		}
	}
	v.addDates(j.Items, roles, now)
}

// reasonOf maps the codes of faults to reasons.
func reasonOf(code string) string {
	switch code {
	case certs.CodeMissing:
		return reasonMissing
	case certs.CodeKeyMismatch, certs.CodeChainOrder:
		return reasonKeyMismatch
	case certs.CodeCAEmpty, certs.CodeCANotCA, certs.CodeCAUsage:
		return reasonNoCA
	case certs.CodeWeakKey, certs.CodeNotYetValid:
		return reasonNotUsable
	case certs.CodeExpired, certs.CodeCAExpired:
		return reasonExpired
	}
	return reasonNotParsable
}

// addConfig adds what is wrong with a whole configuration.
func (v *verdict) addConfig(files certs.Contents) {
	data, there := files[configKey]
	if !there {
		keys := slices.Sorted(maps.Keys(files))
		v.find(reasonMissing, "%s: there is no such key (the keys are %s). To mend it: put the configuration under that key. %s",
			configKey, shown(strings.Join(keys, ", ")), consequence)
		return
	}
	_, err := config.Parse(configKey, data)
	if err == nil {
		return
	}
	const most = 3
	all, _ := errors.AsType[config.Errors](err)
	var lines []string
	for i := range all[:min(most, len(all))] {
		lines = append(lines, all[i].Error())
	}
	if more := len(all) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	v.find(reasonInvalidConfig, "%s. %s", strings.Join(lines, ". "), consequence)
}

// absent is the verdict on o if it does not exist.
func absent(o object) (v verdict) {
	v.find(reasonMissing, "The %s does not exist, but pods mount it: they do not start, and those that run are not renewed. To mend it: create it in namespace %s, or correct the annotation of the pods.", o.kind, o.namespace)
	return v
}

// recovered is the good news that st has no findings any more.
func recovered(st *state) finding {
	note := "What was wrong is mended. Sidecars take it into use at once."
	var end time.Time
	for _, t := range st.verdict.expires {
		if end.IsZero() || t.Before(end) {
			end = t
		}
	}
	if !end.IsZero() {
		note += " The first certificate in it to expire does so on " + shownTime(end) + "."
	}
	return finding{reason: reasonRecovered, note: note, since: st.version}
}

// kebab writes a reason as metrics have it.
func kebab(reason string) string {
	var b strings.Builder
	for i, c := range reason {
		if unicode.IsUpper(c) && i > 0 && unicode.IsLower(rune(reason[i-1])) {
			b.WriteByte('-')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}
