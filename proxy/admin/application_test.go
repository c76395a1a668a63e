package admin_test

import (
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/admin"
)

// refused adds refusals to the first ingress, each so long ago, the oldest first.
func refused(reason string, ages ...time.Duration) func(*admin.Snapshot) {
	return func(s *admin.Snapshot) {
		for _, age := range ages {
			in := &s.Ingress[0]
			in.Refusals = append([]proxy.Refusal{{Time: s.Now.Add(-age), Status: 502, Reason: reason}}, in.Refusals...)
		}
	}
}

func both(sets ...func(*admin.Snapshot)) func(*admin.Snapshot) {
	return func(s *admin.Snapshot) {
		for _, set := range sets {
			set(s)
		}
	}
}

func TestVerdictOnTheApplication(t *testing.T) {
	good := newShop(t).open().Status
	const silent = "Serving, but the application did not always answer. Certificate ends in 43 days."
	const well = "Serving. Certificate ends in 43 days."
	for _, c := range []verdictCase{
		{name: "it is down", certs: good, set: refused("app-down", 3*time.Second),
			level: admin.LevelWarning, text: silent,
			finds: []string{"the application at http://127.0.0.1:8080 did not answer (app-down): the last refusal, 3 seconds ago"}},
		{name: "others are refused as well", certs: good,
			set:   both(refused("app-timeout", 80*time.Second, 70*time.Second), refused("subject-not-allowed", 2*time.Second)),
			level: admin.LevelWarning, text: silent,
			finds: []string{"did not answer (app-timeout): 2 of the last 3 refusals, the last one 70 seconds ago"}},
		{name: "what it did last is told", certs: good, set: both(refused("app-down", time.Minute), refused("app-failed", 0)),
			level: admin.LevelWarning, text: silent, finds: []string{"(app-failed): 2 of the last 2 refusals, the last one just now"}},
		{name: "what is long ago does not count", certs: good,
			set:   both(refused("app-down", 10*time.Minute, 6*time.Minute), refused("unknown-ca", time.Second), refused("app-down", 0)),
			level: admin.LevelWarning, text: silent, finds: []string{"1 of the last 2 refusals"}},
		{name: "it has been well for a while", certs: good, set: refused("app-down", 301*time.Second),
			level: admin.LevelOK, text: well},
		{name: "the client is to blame", certs: good, set: both(refused("subject-not-allowed", 0), refused("overloaded", 0)),
			level: admin.LevelOK, text: well},
		{name: "one of several is down", certs: good,
			set:   both(refused("app-down", 0), func(s *admin.Snapshot) { s.Ingress = append(s.Ingress, second(good)) }),
			level: admin.LevelWarning, text: `Serving, but the application of ingress "webhooks" did not always answer. Certificate of ingress "webhooks" ends in 43 days.`,
			finds: []string{"did not answer"}},
	} {
		t.Run(c.name, c.check)
	}
}

// Nobody passes a listener that is withdrawn, so that its certificates and its
// application are of no concern.
func TestVerdictOnAWithdrawnIngress(t *testing.T) {
	shop := newShop(t).open()
	good := shop.Status
	broken := shop.breakKey().Status
	withdraw := func(s *admin.Snapshot) {
		s.Ingress = append(s.Ingress, second(broken))
		s.Ingress[1].Withdrawn = true
	}
	for _, c := range []verdictCase{
		{name: "one of two", certs: good, set: withdraw, level: admin.LevelError,
			text:  `Lets nobody in: ingress "grpc" is not in the configuration any more. The certificate in use of ingress "webhooks" ends in 43 days.`,
			finds: []string{"lets nobody in: it is not in the configuration any more"}},
		{name: "the faults of the other are told", certs: good, after: 45 * day, set: withdraw, level: admin.LevelError,
			text:  `Lets nobody in: ingress "grpc" is not in the configuration any more. The certificate in use of ingress "webhooks" ended 47 hours ago.`,
			finds: []string{"the served certificate ended", "lets nobody in"}},
	} {
		t.Run(c.name, c.check)
	}
}
