package proxy

import (
	"maps"
	"slices"
	"sync"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/metric"
	"github.com/sidegate/sidegate/proxy/policy"
)

// stores tells what the certificate stores say of themselves at the time of a
// scrape, so that no metric can lag behind a swap.
type stores struct {
	mu    sync.Mutex
	named map[string]*certs.Store

	notAfter, reloads, failures, generation, loaded, notServed, polling *metric.Family

	crlNextUpdate, crlEntries, crlNumber *metric.Family
}

func newStores(reg *metric.Registry) *stores {
	gauge := func(name, help string, labels ...string) *metric.Family {
		return reg.NewSampled(metric.KindGauge, name, help, append([]string{"listener"}, labels...)...)
	}
	counter := func(name, help string) *metric.Family {
		return reg.NewSampled(metric.KindCounter, name, help, "listener")
	}
	s := &stores{
		named:      make(map[string]*certs.Store),
		notAfter:   gauge("sidegate_certificate_not_after_seconds", "Unix time at which a certificate in use expires. role is certificate, chain or ca.", "file", "role", "subject", "serial"),
		reloads:    counter("sidegate_reloads_total", "Times that changed files were taken into use."),
		failures:   counter("sidegate_reload_failures_total", "Times that changed files could not be used and the last good ones stayed."),
		generation: gauge("sidegate_generation", "Number of the generation of files in use; 1 is the one read at start."),
		loaded:     gauge("sidegate_loaded_timestamp_seconds", "Unix time at which the files in use were read."),
		notServed:  gauge("sidegate_mounted_not_served", "1 while what is mounted cannot be used and something older is served, else 0."),
		polling:    gauge("sidegate_watch_polling", "1 while the kernel's change notices are not to be had and files are looked at every second, else 0."),
	}
	s.crlNextUpdate = gauge("sidegate_crl_next_update_seconds", "Unix time of nextUpdate of a revocation list in use: the CA has made a newer one by then.", "file", "issuer")
	s.crlEntries = gauge("sidegate_crl_entries", "Number of certificates that a revocation list in use revokes.", "file", "issuer")
	s.crlNumber = gauge("sidegate_crl_number", "Number of a revocation list in use. It is left out where the list has none, or one above 2^53.", "file", "issuer")
	reg.Collect(s.tell)
	return s
}

func (s *stores) set(listener string, st *certs.Store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.named[listener] = st
}

// tell tells of every store, of each as it is at one moment.
func (s *stores) tell(to *metric.Scrape) {
	s.mu.Lock()
	named := maps.Clone(s.named)
	s.mu.Unlock()
	for listener, store := range named {
		st := store.Status()
		to.Value(s.reloads, float64(st.Reloads), listener)
		to.Value(s.failures, float64(st.Failures), listener)
		to.Value(s.generation, float64(st.Bundle.Generation), listener)
		to.Value(s.loaded, float64(st.Bundle.Loaded.Unix()), listener)
		to.Value(s.notServed, flag(st.Fault != nil), listener)
		to.Value(s.polling, flag(st.Polling), listener)
		for _, it := range st.Bundle.Items { // one that is twice in a file is told twice, and is one series
			to.Value(s.notAfter, float64(it.Cert.NotAfter.Unix()), listener, it.File, it.Role, nameOf(it.Cert.RawSubject), policy.SerialOf(it.Cert))
		}
		s.tellLists(to, listener, st.Bundle.CRLs)
	}
}

// maxExact is how far a float64 holds every whole number.
const maxExact = 1 << 53

// tellLists tells of revocation lists. Of two of one file and name, which are of two
// keys of one CA, the one that ends first is told.
func (s *stores) tellLists(to *metric.Scrape, listener string, lists []*certs.CRL) {
	soonest := func(a, b *certs.CRL) int { return a.NextUpdate.Compare(b.NextUpdate) }
	for _, c := range slices.SortedStableFunc(slices.Values(lists), soonest) {
		to.Value(s.crlNextUpdate, float64(c.NextUpdate.Unix()), listener, c.File, c.Issuer)
		to.Value(s.crlEntries, float64(c.Entries), listener, c.File, c.Issuer)
		if c.Number != nil && c.Number.IsUint64() && c.Number.Uint64() <= maxExact {
			to.Value(s.crlNumber, float64(c.Number.Uint64()), listener, c.File, c.Issuer)
		}
	}
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
