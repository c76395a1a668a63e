package policy_test

import (
	"fmt"
	"log"

	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

func Example() {
	partner, err := subject.Parse("CN=test.digiteal.eu,O=Digiteal SA,L=Mont-Saint-Guibert,ST=Brabant wallon,C=BE")
	if err != nil {
		log.Fatal(err)
	}
	p := &policy.Policy{Rules: []policy.Rule{{
		Name:     "digiteal",
		Subjects: []subject.Name{partner},
		Methods:  []string{"POST"},
		Paths:    []string{"/webhook"},
	}}}

	grant := p.For(&policy.Client{Subject: partner}) // once per connection
	for _, path := range []string{"/webhook", "/admin", "/webhook/%2e%2e/admin"} {
		d := grant.Decide("POST", path) // once per request
		fmt.Printf("%s: rule %q, reason %q\n", path, d.Rule, d.Reason)
	}
	// Output:
	// /webhook: rule "digiteal", reason ""
	// /admin: rule "", reason "path-not-allowed"
	// /webhook/%2e%2e/admin: rule "", reason "path-ambiguous"
}
