package check

import (
	"slices"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/policy"
)

// Options say what to look at. Each may be left out.
type Options struct {
	Config *config.Config // every ingress and egress of it

	Certificate string   // as in the configuration: a directory with tls.crt and tls.key, or a file
	Key         string   // the file of its key, or of one in Paths, if that is elsewhere
	Paths       []string // files, mounted directories and manifests; what they are is found out by looking

	CA       []string // what the peers trust that Certificate, and those in Paths, are presented to
	Hosts    []string // by which names a server is called
	ClientCA []string // what a listener trusts that Client calls
	CRL      []string // the revocation lists that it reads, beside those among Paths
	Client   string   // a client's certificate with its chain: a file, or a directory with tls.crt

	// Allow are the rules of the listener that trusts ClientCA. Nil: only
	// whether a CA vouches for the client is asked.
	Allow *policy.Policy

	// Within is how long ahead an end is a finding. 0: 30 days, at most a third of the
	// life. Of a revocation list it is never more than a tenth of its life.
	Within time.Duration
	Now    time.Time // what dates are compared with. Zero: the time of the call
}

// Run looks at everything that o names. What cannot be read is a finding too.
func Run(o Options) *Report {
	r := &Report{Now: o.Now, within: o.Within, listed: map[place]bool{}, left: maxTotal, listsLeft: maxListTotal,
		Certificates: []Certificate{}, Keys: []Key{}, Lists: []List{}, Clients: []Admission{}, Findings: []Finding{}}
	if r.Now.IsZero() {
		r.Now = time.Now()
	}
	r.Now = r.Now.UTC()
	if o.Key != "" && o.Certificate == "" && len(o.Paths) == 1 { // the key says what the one path is
		o.Certificate, o.Paths = o.Paths[0], nil
	}
	client := r.caller(&o)
	if o.Config != nil {
		r.config(&o, client)
	}
	r.presented(&o)
	if len(o.ClientCA) > 0 {
		t := r.authorities("", certs.Files{CA: o.ClientCA, CRL: slices.Concat(o.CRL, r.listFiles())}, certs.Options{})
		if client != nil {
			r.client(client, "", t, o.Allow)
		}
	}
	r.loose(len(o.ClientCA) > 0)
	for _, ask := range r.later {
		ask()
	}
	slices.SortStableFunc(r.Findings, bySeverity)
	slices.SortStableFunc(r.Certificates, func(a, b Certificate) int { return trusted(a) - trusted(b) })
	r.count()
	return r
}

// trusted puts what is only trusted behind what is presented.
func trusted(c Certificate) int {
	if c.Role == roleCA {
		return 1
	}
	return 0
}

func (r *Report) count() {
	r.Errors, r.Warnings, r.Notes = 0, 0, 0
	for _, f := range r.Findings {
		switch f.Severity {
		case Error:
			r.Errors++
		case Warning:
			r.Warnings++
		default:
			r.Notes++
		}
	}
}

// presented looks at Certificate and Paths, and what their peers say of them.
func (r *Report) presented(o *Options) {
	paths := o.Paths
	if o.Certificate == "" && o.Key != "" {
		paths = append(slices.Clone(paths), o.Key)
	}
	groups := r.gather(paths)
	if o.Certificate != "" {
		groups = r.join(o, groups)
	}
	var peers *trust
	if len(o.CA) > 0 {
		peers = r.peers(o.CA)
	}
	units := make([][]*unit, len(groups))
	for i, g := range groups {
		units[i] = r.unitsOf(g, "")
	}
	if asked := len(o.Hosts)+len(o.CA) > 0 && len(o.Paths)+len(o.Certificate) > 0; asked && len(slices.Concat(units...)) == 0 {
		r.lone(groups, units)
	}
	for i, g := range groups {
		units := units[i]
		for _, u := range units {
			r.judge(u, peers, o.Hosts)
		}
		r.units = append(r.units, units...)
		r.others(g, units)
		if g.judge != nil {
			r.faults("", g.judge())
		}
	}
	if o.Certificate != "" {
		r.served(o)
	}
}

// join makes one group of the certificate that was named, its key, and what was
// named beside them to complete it.
func (r *Report) join(o *Options, groups []*group) []*group {
	own := r.pair(o.Certificate, o.Key)
	if own == nil {
		return groups
	}
	for _, g := range groups {
		own.files = append(own.files, g.files...)
	}
	return []*group{own}
}

// served asks the sidecar's own reading about the pair that was named. A file
// may come without its key, as one can look at a certificate without having it.
func (r *Report) served(o *Options) {
	store, err := certs.Open(certs.Files{Certificate: o.Certificate, Key: o.Key}, certs.Options{})
	if err == nil {
		r.stray("", store.Current())
	}
	for _, f := range certs.Faults(err) {
		if f.Code == certs.CodeNoKey && o.Key == "" {
			r.add(Finding{Word: f.Code, Severity: Note, File: f.File, Problem: "there is no private key in it, so nobody looked whether the two belong together", Fix: "name the file of the key as well: --key FILE"})
			continue
		}
		r.faults("", []*certs.Fault{f})
	}
}

// judge says all there is to say about one unit.
func (r *Report) judge(u *unit, peers *trust, hosts []string) {
	if len(hosts) > 0 {
		u.role = roleServer
	}
	r.chain(u, peers)
	r.listUnit(u)
	r.holder(u, hosts)
	leaf := u.leaf.cert
	switch {
	case u.barred:
	case peers != nil:
		r.reaches(u, peers)
	case len(u.path) > 1:
		r.sound(u)
	case selfIssued(leaf):
		r.add(u.finding(wordSelfSigned, Warning, u.leaf, "the certificate is self-signed: every peer needs it among the CAs that it trusts, and again at each renewal", "have a CA issue one"))
	default:
		r.absent(u, false)
	}
}

// list adds a certificate to those that were looked at, once a place.
func (r *Report) list(p placed, role string) {
	key := place{p.file.name, p.at}
	if !r.listed[key] {
		r.listed[key] = true
		r.Certificates = append(r.Certificates, r.describe(p, role))
	}
}

// listUnit lists the leaf and whatever lies in its file.
func (r *Report) listUnit(u *unit) {
	for _, p := range u.leaf.file.placed() {
		role := roleAbove(p)
		if p.at == u.leaf.at {
			role = u.role
		}
		r.list(p, role)
	}
}

func roleAbove(p placed) string {
	switch {
	case p.cert.IsCA && selfIssued(p.cert):
		return roleRoot
	case p.cert.IsCA:
		return roleIntermediate
	}
	return roleOther
}

// others lists what is in no unit's file, and looks at the dates of CAs in it
// that are on no unit's path.
func (r *Report) others(g *group, units []*unit) {
	for _, f := range g.files {
		if slices.ContainsFunc(units, func(u *unit) bool { return u.leaf.file == f }) {
			continue
		}
		for _, p := range f.placed() {
			r.list(p, roleAbove(p))
			onPath := func(u *unit) bool {
				return slices.ContainsFunc(u.path, func(q placed) bool { return q.cert.Equal(p.cert) })
			}
			if !slices.ContainsFunc(units, onPath) {
				r.dates(&unit{}, p, 1)
				r.authority("", p)
			}
		}
	}
}
