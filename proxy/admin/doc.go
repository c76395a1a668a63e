// Package admin is where Sidegate is looked at: by machines on one listener, by
// people on another.
//
// The health listener is open to the whole network of the cluster, because the
// kubelet has no client certificate and must reach it on the pod's address. So
// it says nothing that is worth hearing: [NewHealth] answers /livez, /startz and
// /readyz with one word and serves /metrics, in which no client is named; they
// are gathered in what [NewRegistry] returns.
//
// The status listener is bound to loopback and reached with kubectl
// port-forward. [NewStatus] shows there what an operator wants to know when a
// certificate is renewed: what is served and until when, whether what is mounted
// is what is served and how to mend it if not, who was refused last and the line
// that would let them in, and which calls to partners failed and why. The same is at /status.json for scripts, as a [Report].
//
//	Snapshot ──report──► Report ──► /status.json
//	(values of now)        └──────► page.go + page.css
//
// A [Snapshot] is taken for each look and turned into one Report, so that page
// and JSON cannot disagree. Loopback is no border for a browser: any site can
// make it send requests there, and with DNS rebinding read the answers. The
// status page therefore answers only to a loopback Host, is never part of
// another page, runs no script and loads nothing.
//
// Both handlers only read; nothing can be changed through them. [NewServer]
// bounds what a caller can take from either.
package admin
