package main

import (
	"net"
	"strings"
	"testing"
	"time"
)

// freeAddress returns an address that nobody listens on. A restart is about
// addresses, and port 0 is another one each time.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln := must(net.Listen("tcp", "127.0.0.1:0"))
	defer ln.Close()
	return ln.Addr().String()
}

// unnamed is an ingress whose name is made from its place in the list.
func unnamed(listen, dn string) string {
	return strings.Replace(ingress("x", listen, dn), "name: x, ", "", 1)
}

// admits reports who is let in at a gate: "partner", "other", both or nobody.
func (w *world) admits(s *sidecar, gate string) string {
	w.t.Helper()
	var who []string
	for _, as := range []string{"partner", "other"} {
		switch status := w.status(s, gate, as); status {
		case 200:
			who = append(who, as)
		case 403:
		default:
			w.t.Errorf("%s at %s: %d", as, gate, status)
		}
	}
	return strings.Join(who, " and ")
}

// What partners reach is an address. Whatever else changes in the document, an
// address admits whom the ingress at this address names, or nobody.
func TestAListenerFollowsTheIngressAtItsAddress(t *testing.T) {
	a, b, c := freeAddress(t), freeAddress(t), freeAddress(t)
	for _, tt := range []struct {
		name          string
		before, after string
		first, second string // who is let in at the first and the second listener afterwards
	}{
		{"two unnamed ones change places",
			unnamed(a, partnerDN) + unnamed(b, otherDN), unnamed(b, otherDN) + unnamed(a, partnerDN), "partner", "other"},
		{"the first of two unnamed ones is removed",
			unnamed(a, partnerDN) + unnamed(b, otherDN), unnamed(b, otherDN), "", "other"},
		{"another one is put before two unnamed ones",
			unnamed(a, partnerDN) + unnamed(b, otherDN), unnamed(c, otherDN) + unnamed(a, partnerDN) + unnamed(b, otherDN), "partner", "other"},
		{"the second of two named ones is removed",
			ingress("a", a, partnerDN) + ingress("b", b, otherDN), ingress("a", a, partnerDN), "partner", ""},
		{"two change their names with each other",
			ingress("a", a, partnerDN) + ingress("b", b, otherDN), ingress("b", a, partnerDN) + ingress("a", b, otherDN), "partner", "other"},
		{"one gets another name and lets another client in",
			ingress("a", a, partnerDN) + ingress("b", b, otherDN), ingress("c", a, otherDN) + ingress("b", b, otherDN), "other", "other"},
		{"a named one moves and lets another client in",
			ingress("a", a, partnerDN) + ingress("b", b, otherDN), ingress("a", c, otherDN) + ingress("b", b, otherDN), "other", "other"},
		{"an unnamed one moves and which of them is a guess",
			unnamed(a, partnerDN) + unnamed(b, otherDN), unnamed(c, partnerDN) + unnamed(b, otherDN), "", "other"},
		{"one moves to the address of another that is removed",
			ingress("a", a, partnerDN) + ingress("b", b, otherDN), ingress("a", b, partnerDN), "", "partner"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.configure("ingress:\n" + tt.before + ports)
			s := w.run()
			first, second := s.gates[0].name, s.gates[1].name
			if x, y := w.admits(s, first), w.admits(s, second); x != "partner" || y != "other" {
				t.Fatalf("before: %q at the first, %q at the second", x, y)
			}
			w.configure("ingress:\n" + tt.after + ports)
			w.log.wait(t, "configuration replaced")
			if x, y := w.admits(s, first), w.admits(s, second); x != tt.first || y != tt.second {
				t.Errorf("%q is let in at the first, want %q; %q at the second, want %q", x, tt.first, y, tt.second)
			}
		})
	}
}

// Somebody renames the only ingress and takes a client off its list: the one
// must not keep the other from happening.
func TestAnotherNameNeedsARestartAndTheRestDoesNot(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN))
	s := w.run()
	w.configure(strings.Replace(one(otherDN), "name: ingress", "name: webhooks", 1))
	w.log.wait(t, "needs a restart", "webhooks")
	if got := w.admits(s, "ingress"); got != "other" {
		t.Errorf("%q is let in", got)
	}
	if ws := strings.Join(s.snapshot().Ingress[0].Warnings, "\n"); !strings.Contains(ws, "webhooks") {
		t.Errorf("the status page does not say so: %q", ws)
	}
}

func TestAnIngressThatIsGoneLetsNobodyInUntilItIsBack(t *testing.T) {
	w := newWorld(t)
	both := "ingress:\n" + ingress("a", freeAddress(t), partnerDN) + ingress("b", freeAddress(t), otherDN) + ports
	without, _, _ := strings.Cut(both, "  - {name: b")
	without += ports
	w.configure(both)
	s := w.run()
	told := func() [2]int {
		return [2]int{w.log.count(`"level":"ERROR"`, "not in the configuration any more", `"listener":"b"`), w.log.count("back in the configuration", `"listener":"b"`)}
	}
	for i, step := range []struct {
		yaml, admits string
		told         [2]int // lines that it is gone, and that it is back
	}{
		{without, "", [2]int{1, 0}},
		{without + "log: {level: debug}\n", "", [2]int{1, 0}},
		{both, "other", [2]int{1, 1}},
		{without, "", [2]int{2, 1}},
	} {
		w.configure(step.yaml)
		eventually(t, "the change", func() bool { return metricOf(t, s, "sidegate_config_reloads_total") == float64(i+1) })
		if a, b := w.admits(s, "a"), w.admits(s, "b"); a != "partner" || b != step.admits {
			t.Errorf("step %d: %q is let in at a and %q at b", i, a, b)
		}
		if got := told(); got != step.told {
			t.Errorf("step %d: told %v times that it is gone and back, want %v", i, got, step.told)
		}
		shown := s.snapshot().Ingress[1]
		if gone := step.admits == ""; shown.Withdrawn != gone || (len(shown.Rules) == 0) != gone {
			t.Errorf("step %d: the status page has withdrawn %v and the rules %v", i, shown.Withdrawn, shown.Rules)
		}
	}
}

// A client that was let in is not, over the connection that it has.
func TestAnIngressThatIsGoneRefusesOnOpenConnections(t *testing.T) {
	w := newWorld(t)
	a := ingress("a", freeAddress(t), partnerDN)
	w.configure("ingress:\n" + a + ingress("b", freeAddress(t), otherDN) + ports)
	s := w.run()
	client := w.client(w.certs["other"])
	defer client.CloseIdleConnections()
	url := "https://" + s.IngressAddr("b") + "/"
	if status, _, err := fetch(client, url); status != 200 {
		t.Fatalf("before: %d %v", status, err)
	}
	w.configure("ingress:\n" + a + ports)
	w.log.wait(t, "configuration replaced")
	if status, body, err := fetch(client, url); status != 403 {
		t.Errorf("after: %d %q %v", status, body, err)
	}
}

// The sidecar does not run here, so that a certificate can grow old at once.
func TestAnIngressThatIsGoneKeepsNobodyFromBeingReady(t *testing.T) {
	w := newWorld(t)
	a := ingress("a", freeAddress(t), partnerDN)
	w.configure("ingress:\n" + a + ingress("b", freeAddress(t), otherDN) + ports)
	s := w.open()
	s.serving.Store(true)
	s.gates[1].store.Current().Certificate.Leaf.NotAfter = time.Now().Add(-time.Hour)
	if err := s.ready(); err == nil || !strings.Contains(err.Error(), `ingress "b"`) {
		t.Fatalf("before: %v", err)
	}
	w.configure("ingress:\n" + a + ports)
	s.look(t.Context())
	if err := s.ready(); err != nil {
		t.Errorf("after: %v", err)
	}
}

// Half of a document in use would be worse than none of it: what it removes
// stays open, too, while what it changes cannot be used.
func TestAnIngressIsNotShutByADocumentThatIsRefused(t *testing.T) {
	w := newWorld(t)
	a := ingress("a", freeAddress(t), partnerDN)
	w.configure("ingress:\n" + a + ingress("b", freeAddress(t), otherDN) + ports)
	s := w.run()
	w.configure("ingress:\n" + strings.ReplaceAll(a, "$DIR/tls", "$DIR/later") + ports)
	w.log.wait(t, "configuration cannot be used", w.dir+"/later: does not exist")
	if a, b := w.admits(s, "a"), w.admits(s, "b"); a != "partner" || b != "other" {
		t.Errorf("%q is let in at a and %q at b", a, b)
	}
}
