package main

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidegate/sidegate/proxy/config"
)

const helpText = `sidegate-controller - renewed certificates reach pods at once, faulty ones are told of

Usage:
    sidegate-controller [FLAG...]
    sidegate-controller version

It runs in the cluster, under a ServiceAccount that may: list, watch and patch
pods; get, list and watch secrets and configmaps; create events (events.k8s.io);
get, create and update leases (coordination.k8s.io).

    --namespaces NAME,NAME  look at these namespaces only (default: all)
    --listen ADDR           probes and metrics, /livez /readyz /metrics
                            (default :9901; off: none)
    --leader-elect=BOOL     act only while holding the lease (default true); with
                            false only one controller may run
    --lease-namespace NAME  where the lease is (default: POD_NAMESPACE, or that of
                            the pod's ServiceAccount)
    --lease-name NAME       default sidegate-controller
    --pod-name NAME         who we are in the lease and in Events (default:
                            POD_NAME, or the name of the host with something
                            random behind it)
    --kubeconfig FILE       use this cluster and user, from outside of a pod
    --log-format FORMAT     json (default) or text
    --log-level LEVEL       info (default) or debug

SIGTERM and SIGINT end it: the lease is given back, so that another controller
takes over at once. Exit codes: 0 fine, 1 a failure at run time (the lease was
lost), 2 wrong use.
`

// options are what the command line says.
type options struct {
	namespaces []string // empty: all
	listen     string   // empty: nowhere
	kubeconfig string   // empty: that of the pod

	leaderElect               bool
	leaseNamespace, leaseName string
	identity                  string

	log config.Log
}

// namespaceFile is where a pod finds the namespace that it runs in.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// parseOptions reads args, and what they leave open from the environment. The
// error joins all that is wrong.
func parseOptions(args []string, env func(string) string) (options, error) {
	o := options{log: config.Default().Log}
	var namespaces string
	fs := flag.NewFlagSet("sidegate-controller", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&namespaces, "namespaces", "", "")
	fs.StringVar(&o.listen, "listen", ":9901", "")
	fs.StringVar(&o.kubeconfig, "kubeconfig", "", "")
	fs.BoolVar(&o.leaderElect, "leader-elect", true, "")
	fs.StringVar(&o.leaseNamespace, "lease-namespace", env("POD_NAMESPACE"), "")
	fs.StringVar(&o.leaseName, "lease-name", "sidegate-controller", "")
	fs.StringVar(&o.identity, "pod-name", env("POD_NAME"), "")
	fs.StringVar((*string)(&o.log.Format), "log-format", string(config.LogJSON), "")
	fs.StringVar((*string)(&o.log.Level), "log-level", string(config.LogInfo), "")
	if err := fs.Parse(args); err != nil {
		return o, flagError(fs, err)
	}
	if fs.NArg() > 0 {
		return o, misuse(fmt.Errorf("%q is no flag; there are flags only, and the command version", fs.Arg(0)))
	}
	if o.listen == "off" {
		o.listen = ""
	}
	for name := range strings.SplitSeq(namespaces, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(o.namespaces, name) {
			o.namespaces = append(o.namespaces, name)
		}
	}
	o.complete()
	if err := o.validate(); err != nil {
		return o, misuse(err)
	}
	return o, nil
}

// flagError adds to err what may have been meant.
func flagError(fs *flag.FlagSet, err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	var known []string
	fs.VisitAll(func(f *flag.Flag) { known = append(known, f.Name) })
	wrong := err.Error()[strings.LastIndexByte(err.Error(), '-')+1:]
	if near, ok := config.Nearest(wrong, known); ok && fs.Lookup(wrong) == nil {
		err = fmt.Errorf("%w; did you mean --%s?", err, near)
	}
	return misuse(err)
}

// complete finds what flags and environment do not say.
func (o *options) complete() {
	if o.identity == "" {
		o.identity = ownIdentity()
	}
	if o.leaseNamespace == "" {
		if data, err := os.ReadFile(namespaceFile); err == nil {
			o.leaseNamespace = strings.TrimSpace(string(data))
		}
	}
}

// ownIdentity returns the name of the host and something that no other process
// has: two leaders by one name would both take the lease for theirs.
func ownIdentity() string {
	host, _ := os.Hostname()
	return host + "-" + strings.ToLower(rand.Text()[:8])
}

func (o *options) validate() error {
	var errs []error
	wrong := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	for _, name := range o.namespaces {
		if bad := validation.IsDNS1123Label(name); len(bad) > 0 {
			wrong("--namespaces has %q, which is no name of a namespace: %s", name, strings.Join(bad, "; "))
		}
	}
	if _, _, err := net.SplitHostPort(o.listen); o.listen != "" && err != nil {
		wrong("--listen is %q; write HOST:PORT, :PORT or off: %w", o.listen, err)
	}
	if !slices.Contains(config.LogFormat("").Choices(), string(o.log.Format)) {
		wrong("--log-format is %q; write json or text", o.log.Format)
	}
	if !slices.Contains(config.LogLevel("").Choices(), string(o.log.Level)) {
		wrong("--log-level is %q; write info or debug", o.log.Level)
	}
	if bad := validation.IsDNS1123Subdomain(o.identity); len(bad) > 0 {
		wrong("--pod-name is %q; write the name of the pod: %s", o.identity, strings.Join(bad, "; "))
	}
	if o.leaderElect {
		errs = append(errs, o.validateLease()...)
	}
	return errors.Join(errs...)
}

func (o *options) validateLease() (errs []error) {
	switch bad := validation.IsDNS1123Label(o.leaseNamespace); {
	case o.leaseNamespace == "":
		errs = append(errs, errors.New("--lease-namespace is not known outside of a pod; name a namespace, or use --leader-elect=false if no other controller runs"))
	case len(bad) > 0:
		errs = append(errs, fmt.Errorf("--lease-namespace is %q, which is no name of a namespace: %s", o.leaseNamespace, strings.Join(bad, "; ")))
	}
	if bad := validation.IsDNS1123Subdomain(o.leaseName); len(bad) > 0 {
		errs = append(errs, fmt.Errorf("--lease-name is %q, which is no name of a lease: %s", o.leaseName, strings.Join(bad, "; ")))
	}
	return errs
}
