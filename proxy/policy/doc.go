// Package policy decides which verified client may make which request.
//
// A [Policy] is a list of [Denial]s and an ordered list of [Rule]s. It is read in
// two steps, because the two questions it answers live for different times:
//
//	grant := p.For(client)              // who is this? once per connection
//	grant.Decide("POST", "/webhook")    // may they do that? once per request
//
// A Denial wins over everything: whom one names is refused every request. Beyond
// that, nothing is allowed that no rule allows. The rules are alternatives: the first
// one that fits in all its conditions allows the request and is named in the
// [Decision]. The conditions inside one rule all have to hold, and a condition
// holds if any one of the values listed in it does.
//
// Conditions on the identity are exact. A Subject is compared as a whole
// [subject.Name], never as text or by pattern; names of the subject alternative
// name extension are compared with names of the same kind only, without
// wildcards and without falling back to the Common Name.
//
// Conditions on the path are made on the percent-decoded path. They are only as
// good as the agreement between this package and the application about what the
// path is, so a policy with any path condition refuses, for everybody, requests
// whose path two servers could read differently: path-ambiguous. See
// [Grant.Decide] for what that means.
//
// What is written can be tried out. A rule with Report says whom it fits and
// allows nobody; a Policy with Report lets through what no rule allows, and says
// what it would have refused. Neither touches a Denial.
//
// Everything here is pure: no I/O, no clock, no state. A Policy and the Clients
// put to it must not be changed after their first use; then all methods may be
// called concurrently.
package policy
