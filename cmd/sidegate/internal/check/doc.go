// Package check looks at certificates as the two sides of a mutual TLS
// connection will, before either of them does.
//
// [Run] reads what an [Options] names, finds out by looking what each file is,
// and puts together what belongs together:
//
//	files, directories, ──read──► files ──group──► units: a leaf, its key, its chain
//	manifests, a config                      └───► trust: the CAs of the clients
//
// A unit is judged as its peers will judge it: does the key fit, is the chain
// complete and in order, does it lead to a CA that they trust, for how long, for
// which names and usages, and where do Go and OpenSSL disagree. A client is put
// to the sidecar's own questions: [certs.Bundle.Verify] and [policy.Policy.For].
// Revocation lists are judged beside the CAs that they must be of, and the rules
// and deny entries of a listener by whom they could ever match.
//
// What is found is a [Finding]: a stable word, a severity, the place, a sentence
// on what is wrong and one on how to mend it, and the very sentence that a peer
// would print, as that is what people search for. docs/check.md explains every
// word. Where a word is known from package certs or policy, it is the same word
// with the same meaning.
//
// A [Report] writes itself as text or JSON. From what it has read it also makes
// the bundle that a server should send ([Report.Bundle]) and a calendar with the
// date of the renewal ([Report.Calendar]).
//
// Whatever is read may come from a stranger. It is bounded in size, no private
// key is kept, and no character reaches the Report that could move a terminal.
package check
