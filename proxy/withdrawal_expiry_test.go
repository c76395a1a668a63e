package proxy_test

import (
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/policy"
)

// The parties, by what ends.
const (
	leafEnds   = "whose certificates end"
	middleEnds = "whose issuing CA ends before their certificates"
	listEnds   = "whose CA's list is not renewed"
	nothing    = "of whose chain and list nothing ends"
)

// Time alone withdraws trust: nothing is mounted, nothing is configured, and yet who
// is out must be out within a second of the moment. The clock of the site is put on.
func TestTimeWithdrawsTrustFromOpenConnections(t *testing.T) {
	for _, test := range []struct {
		name  string
		grace time.Duration // of a list
	}{
		{"a list counts until its next update", 0},
		{"a list counts for the grace longer", 90 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			begin := time.Now().Truncate(time.Second)
			hour := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Hour) }
			s, parties := openPerishable(t, hour, test.grace)
			f := openFleet(t, s, parties, 2)
			for _, c := range []struct {
				party  string
				moment time.Time
				word   string
			}{
				{leafEnds, hour(1), certs.ReasonExpired},
				{middleEnds, hour(2), certs.ReasonExpired},
				{listEnds, hour(3).Add(test.grace), certs.ReasonCRLExpired},
			} {
				s.putOn(c.moment.Add(-time.Minute))
				f.mustGoOn("all but the last minute of those " + c.party)
				f.bring(&change{name: "the end of those " + c.party, party: c.party, status: 401, word: c.word,
					bring: func() { s.putOn(c.moment) }})
			}
			f.mustBeAlone()
			f.tellGap()
			f.part()
		})
	}
}

// openPerishable starts a site with parties that end in one, two and three hours.
func openPerishable(t *testing.T, hour func(n int) time.Time, grace time.Duration) (*site, []*party) {
	t.Helper()
	long := hour(20)
	lasting, late := newCA(t, "CN=Lasting CA"), newCA(t, "CN=Late CA")
	middle, err := lasting.NewCA(minica.Options{Subject: "CN=Brief CA", NotAfter: hour(2)})
	if err != nil {
		t.Fatal(err)
	}
	until := func(called string, ca *minica.CA, end time.Time) *party {
		return &party{called, func(int) *minica.Cert {
			return issue(t, ca, minica.Options{Subject: partnerDN, NotAfter: end})
		}}
	}
	s := openSite(t, charter{
		cas: map[string]*minica.CA{"lasting.crt": lasting, "late.crt": late},
		crls: map[string][]byte{
			"lasting.crl": listOf(t, lasting, minica.CRLOptions{NextUpdate: long}),
			"late.crl":    listOf(t, late, minica.CRLOptions{NextUpdate: hour(3)}),
		},
		rules: policy.Policy{Rules: allowing(t, partnerDN).Rules},
		certs: certs.Options{CRLGrace: grace},
	})
	return s, []*party{
		until(leafEnds, lasting, hour(1)), until(middleEnds, middle, long),
		until(listEnds, late, long), until(nothing, lasting, long),
	}
}
