// Package hack keeps the house in order. It is no part of the product: nothing
// imports it, and what it knows it knows from reading the source.
//
// Its tests are the rules of this repository that a compiler does not hold,
// and each of them says how to mend what it finds:
//
//   - imports_test.go: which package may import which, where each third-party
//     module has its home, and what a command must never link;
//   - pkgdoc_test.go: one package comment a package, and where it stands;
//   - style_test.go: how long a function and a file may be, and that no test
//     sleeps;
//   - reasons_test.go: docs/reasons.md explains every reason word of the code;
//   - readme_test.go: the commands of the README do what it says;
//   - curl_test.go: curl, with certificates made by openssl, is the partner of
//     the real binary.
//
// The rules are tables at the top of those files. To change a rule is to
// change its table, in a commit that says why.
//
// Beside the tests lie the tools of the makefile, each a command of its own:
//
//   - docgen writes the generated parts of docs/, for make generate;
//   - bench measures Sidegate beside nginx, HAProxy, ghostunnel and Caddy, for
//     make bench;
//   - app is the application of the README's five minutes;
//   - readme reads the README's commands, for the tests that run them;
//   - kube, a module of its own because of what it needs, builds the container
//     images and tests and documents the charts; kube/node, another one, is the
//     Kubernetes of the end-to-end tests.
package hack
