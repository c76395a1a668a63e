// Package e2e plays the users' stories of Sidegate on a real Kubernetes: the
// API server, the kubelet and the container runtime are the real ones, and
// kubectl and helm do what a user would do by hand. It holds nothing but
// tests, behind the build tag e2e, because they need Linux, root and minutes:
//
//	make e2e
//
// Read main_test.go first. TestMain checks what the machine must have, builds
// what is not in the cache yet, brings a node up, installs the chart, lets the
// stories run, prints the times that they measured and takes the node down.
//
//   - prerequisites_test.go, build_test.go, image_test.go: what it runs with;
//   - node_test.go, keeper_test.go, cgroup_test.go, pki_test.go, node/: the node,
//     from namespaces and a veth pair to Ready, and back to nothing;
//   - kubectl_test.go, chart_test.go, wait_test.go, namespace_test.go,
//     dump_test.go: the words in which a story is told;
//   - gate_test.go, partner_test.go, caller_test.go, load_test.go: the
//     application with its gate, and those who call it; crowd_test.go: a cluster
//     full of them, for the story that E2E_SCALE=1 adds;
//   - story_*_test.go: the stories, each a test; table_test.go: the end.
//
// The node lives in namespaces of its own, with no route out of the machine.
// It goes down when the test process ends, however it ends: see keeper_test.go.
//
// Beside the tests lie two small programs that run in pods: app, an
// application that can be slow, late and gone, and pause, which holds the
// namespaces of a pod.
package e2e
