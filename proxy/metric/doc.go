// Package metric counts things and tells Prometheus about them.
//
// It is small because every pod pays for it: the official client library brings
// protocol buffers along, whose descriptors alone take more memory than all that
// Sidegate has to count (docs/decisions/0006).
//
// A [Registry] holds families: a name, a help text, a kind and the names of the
// labels. There are two ways to have numbers in one.
//
//	NewCounter, NewGauge, NewHistogram ──► Vec ──With(values)──► Counter.Inc …
//	NewSampled ──► Family, of which a function given to Collect tells at each scrape
//
// The first is for what happens: [Vec.With] resolves the series of some label
// values, once, and counting in it is an atomic addition without a lock or an
// allocation. The second is for what is known elsewhere, such as the expiry of a
// certificate: it is asked for when it is wanted, so that it cannot lag behind.
//
// [Registry.Append] writes all of it in the text exposition format 0.0.4 of
// Prometheus, in a stable order, so that two scrapes can be compared with diff.
//
// Names and labels are ours and wrong ones are mistakes in the program: they
// panic when the family is made. Values of labels may come from files or
// certificates: they are escaped, and what is not UTF-8 becomes a question mark.
package metric
