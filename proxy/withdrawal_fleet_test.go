package proxy_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/policy"
)

// A fleet is guests that are at a site at the same time, each on one connection
// that it keeps for as long as it can.
type fleet struct {
	t      *testing.T
	s      *site
	guests []*guest
}

// A party is guests that have in common what they may one day be put out for.
type party struct {
	name  string
	issue func(i int) *minica.Cert // the certificate of the i-th of them
}

// A guest is one connection. It stays for a stream, or a request made again and
// again, and runs errands beside it where its protocol lets it.
type guest struct {
	id    int
	party *party
	protocol
	cert  *minica.Cert
	gate  *gate
	conn  *tls.Conn
	leave chan struct{} // closed when it is asked to go

	// What the changes that were made have ended, for the test to write and read.
	stayLost, visitLost bool

	mu      sync.Mutex
	stayed  int // ticks, echoes and answers of its stay, each in its turn
	errands int // answers to its errands, each in its turn
	last    time.Time
	gap     time.Duration // the longest without any of these
	refused string        // how an errand was refused
	stay    ending        // how its stay ended
	over    ending        // how its visit ended
}

// An ending is how something ended, and when. The zero one is that it goes on.
type ending struct {
	how string
	at  time.Time
}

func (e ending) happened() bool { return !e.at.IsZero() }

// A protocol is one of the five ways to be a guest.
type protocol interface {
	String() string
	gate(s *site) *gate
	alpn() string

	// visit talks on the guest's connection until that is over, and says how its
	// stay ended.
	visit(g *guest) string

	// runsErrands reports whether there is something to ask beside the stay, and
	// outlives whether that goes on without it.
	runsErrands() bool
	outlives() bool

	// out says how the stay of a guest ends that the change puts out: one of these.
	out(c *change) []string

	// left says how the stay ends of a guest that was asked to go.
	left() string
}

// A change withdraws trust from one party, and leaves all others alone.
type change struct {
	name   string
	bring  func() // about
	party  string // who is out
	status int    // what the next request is answered
	word   string // and the reason that it is given

	errandsGoOn bool // its stay is refused alone
}

var protocols = []protocol{keptAlive{}, eventStream{}, streamOverHTTP2{}, webSocket{}, grpcCall{}}

// openFleet brings guests of every party and protocol, so many of each, and waits
// until all of them are served.
func openFleet(t *testing.T, s *site, parties []*party, each int) *fleet {
	t.Helper()
	f := &fleet{t: t, s: s}
	for _, p := range parties {
		for i, how := range protocols {
			for j := range each {
				cert := p.issue(i*each + j)
				f.guests = append(f.guests, &guest{id: len(f.guests), party: p, protocol: how, cert: cert, gate: how.gate(s), leave: make(chan struct{})})
			}
		}
	}
	t.Cleanup(f.hangUp)
	f.connect()
	f.mustGoOn("all have come")
	return f
}

// connect opens all connections, a few at a time.
func (f *fleet) connect() {
	f.t.Helper()
	waiting := make(chan *guest)
	var openers sync.WaitGroup
	for range 8 {
		openers.Go(func() {
			for g := range waiting {
				g.connect(f.t)
			}
		})
	}
	for _, g := range f.guests {
		waiting <- g
	}
	close(waiting)
	openers.Wait()
	if f.t.Failed() {
		f.t.FailNow()
	}
}

func (g *guest) connect(t *testing.T) {
	cfg := g.gate.tlsFor(g.cert)
	cfg.NextProtos = []string{g.alpn()}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", g.gate.addr)
	if err != nil {
		t.Errorf("%v: %v", g, err)
		return
	}
	g.conn, g.last = c.(*tls.Conn), time.Now()
	go func() {
		how := g.visit(g)
		_ = g.conn.Close()
		g.endStay(how)
		g.mu.Lock()
		defer g.mu.Unlock()
		g.over = ending{how, time.Now()}
	}()
}

// hangUp ends every connection, whatever its guest thinks of it.
func (f *fleet) hangUp() {
	for _, g := range f.guests {
		if g.conn != nil {
			_ = g.conn.Close()
		}
	}
}

func (g *guest) String() string {
	return fmt.Sprintf("guest %d (%v, party %q)", g.id, g.protocol, g.party.name)
}

// The paths of a guest. The application counts streams by the first.
func (g *guest) stayPath() string   { return fmt.Sprintf("/stay/%d", g.id) }
func (g *guest) errandPath() string { return fmt.Sprintf("/errand/%d", g.id) }

func (g *guest) fingerprint() string {
	sum := sha256.Sum256(g.cert.Leaf.Raw)
	return hex.EncodeToString(sum[:])
}

// progress notes what came in its turn.
func (g *guest) progress(of *int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	*of++
	now := time.Now()
	g.gap = max(g.gap, now.Sub(g.last))
	g.last = now
}

// endStay notes how the stay ended, the first time.
func (g *guest) endStay(how string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.stay.happened() {
		g.stay = ending{how, time.Now()}
	}
}

func (g *guest) refuseErrand(how string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused = how
}

// isLeaving reports whether the guest was asked to go.
func (g *guest) isLeaving() bool {
	select {
	case <-g.leave:
		return true
	default:
		return false
	}
}

// A view of a guest is what it has come to.
type view struct {
	stayed, errands int
	gap             time.Duration
	refused         string
	stay, over      ending
}

func (g *guest) view() view {
	g.mu.Lock()
	defer g.mu.Unlock()
	return view{g.stayed, g.errands, g.gap, g.refused, g.stay, g.over}
}

// visiting returns the guests whose connection is open.
func (f *fleet) visiting() (guests []*guest) {
	for _, g := range f.guests {
		if !g.view().over.happened() {
			guests = append(guests, g)
		}
	}
	return guests
}

// of returns the certificates of a party.
func (f *fleet) of(party string) (all []*minica.Cert) {
	for _, g := range f.guests {
		if g.party.name == party {
			all = append(all, g.cert)
		}
	}
	return all
}

// denialOf makes a deny entry of what add takes from each certificate of a party.
func (f *fleet) denialOf(party string, add func(d *policy.Denial, c *minica.Cert)) policy.Denial {
	d := policy.Denial{Name: strings.ReplaceAll(party, " ", "-")}
	for _, c := range f.of(party) {
		add(&d, c)
	}
	return d
}
