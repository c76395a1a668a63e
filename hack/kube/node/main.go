// Command node is every program of a one-node Kubernetes cluster in one file:
// etcd, the control plane, the kubelet, kube-proxy and kubectl. The end-to-end
// tests run it, so that they meet the real API server and the real kubelet
// without fetching a binary from anywhere: all comes out of Go modules, whose
// hashes stand in go.sum.
//
// It acts as the program by whose name it is called. Link it once per program,
//
//	for program in $(node); do ln -sf node bin/$program; done
//
// or give the name as the first argument: node kubelet --config=…. Without
// either it prints the names that it knows. One binary instead of seven
// because each of them links much the same packages: 160 MB and one linking,
// instead of 600 MB and seven.
//
// Kubernetes reports the version that it was linked with, and charts refuse a
// server that reports none (kubeVersion in Chart.yaml), so build it so:
//
//	v=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
//	minor=${v#v1.} minor=${minor%%.*} p=k8s.io/component-base/version
//	CGO_ENABLED=0 go build -trimpath -ldflags \
//	  "-s -w -X $p.gitVersion=$v -X $p.gitMajor=1 -X $p.gitMinor=$minor" .
//
// This is a module of its own, apart from the one above it. A Kubernetes
// release is tested with the versions in its go.mod; helm wants newer ones of
// the same modules, and together in one module they would make a Kubernetes
// that nobody has released. A module can also not inherit a replace, and
// k8s.io/kubernetes asks for its siblings as v0.0.0: hence the list of
// replaces, which moves with its version.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	_ "time/tzdata" // CronJobs name time zones, and a node may have no tzdata

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // what a kubeconfig of kubectl may ask for
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // rest_client_* metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // kubernetes_build_info
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// programs are the programs in this binary. Each reads os.Args as if it were
// alone, and either ends the process or returns its exit code.
var programs = map[string]func() int{
	"etcd":                    runEtcd,
	"kubectl":                 runKubectl,
	"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
	"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
	"kube-proxy":              func() int { return cli.Run(proxy.NewProxyCommand()) },
	"kubelet":                 func() int { return cli.Run(newKubelet()) },
}

func main() {
	run, called := programs[filepath.Base(os.Args[0])]
	if !called && len(os.Args) > 1 {
		if run, called = programs[os.Args[1]]; called {
			os.Args = os.Args[1:]
		}
	}
	switch {
	case called:
		os.Exit(run())
	case len(os.Args) > 1:
		fmt.Fprintf(os.Stderr, "node: there is no program %q in here; give one of %s, or call me by its name\n",
			os.Args[1], strings.Join(names(), ", "))
		os.Exit(2)
	}
	fmt.Fprintln(os.Stdout, strings.Join(names(), "\n"))
}

// names are the programs in this binary, in the order of the alphabet.
func names() []string { return slices.Sorted(maps.Keys(programs)) }

func newKubelet() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) }

func runEtcd() int {
	etcdmain.Main(os.Args) // ends the process itself when it fails
	return 0
}

func runKubectl() int {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err) // prints what went wrong and ends the process
	}
	return 0
}
