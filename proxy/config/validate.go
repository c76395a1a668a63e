package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Validate completes c and checks what its types cannot say: it names the
// listeners, rules and deny entries that have no name, turns the address "off" into an empty
// one, and builds each Ingress's Policy. It touches nothing but c, may be called
// again, and must have returned nil before c is used. The error is an [Errors].
//
// [Parse] has called it already.
func (c *Config) Validate() error {
	if errs := c.validate(); len(errs) > 0 {
		return errs
	}
	return nil
}

// A validator collects what is wrong. Each of its methods looks at one thought.
type validator struct{ errs Errors }

func (v *validator) addf(path, format string, args ...any) {
	if len(v.errs) < maxErrors {
		v.errs = append(v.errs, Error{Path: path, Problem: fmt.Sprintf(format, args...)})
	}
}

func (c *Config) validate() Errors {
	var v validator
	if v.checkCounts(c); len(v.errs) > 0 {
		return v.errs
	}
	c.complete()
	v.checkIngresses(c.Ingress)
	v.checkEgresses(c.Egress)
	v.checkUnique(c.listeners())
	v.checkAddress("health.listen", c.Health.Listen, true)
	v.checkAddress("admin.listen", c.Admin.Listen, true)
	if host, _, err := net.SplitHostPort(c.Admin.Listen); err == nil && !isLoopback(host) {
		v.addf("admin.listen", "%s is not a loopback address, and the page is for nobody outside; write 127.0.0.1:9902 and use kubectl port-forward", quote(c.Admin.Listen))
	}
	v.checkConflicts(c.sockets())
	v.oneOf("log.format", string(c.Log.Format), c.Log.Format.Choices())
	v.oneOf("log.level", string(c.Log.Level), c.Log.Level.Choices())
	v.notNegative("startupWait", c.StartupWait)
	v.notNegative("drainDelay", c.DrainDelay)
	v.positive("drainTimeout", c.DrainTimeout)
	if c.DrainDelay > c.DrainTimeout && c.DrainTimeout > 0 {
		v.addf("drainDelay", "%v is longer than drainTimeout (%v), which includes it; make one of them fit", c.DrainDelay, c.DrainTimeout)
	}
	return v.errs
}

// maxListeners is far above what a pod has ports for, and keeps the comparison of
// all listeners with each other cheap.
const maxListeners = 64

func (v *validator) checkCounts(c *Config) {
	for _, list := range []struct {
		key string
		n   int
	}{{"ingress", len(c.Ingress)}, {"egress", len(c.Egress)}} {
		if list.n > maxListeners {
			v.addf(list.key, "has %d entries; at most %d are accepted", list.n, maxListeners)
		}
	}
}

// complete fills in what is derived from other values.
func (c *Config) complete() {
	for _, listen := range []*string{&c.Health.Listen, &c.Admin.Listen} {
		if *listen == "off" {
			*listen = ""
		}
	}
	for i := range c.Ingress {
		in := &c.Ingress[i]
		if in.Name == "" {
			in.Name = defaultName("ingress", i)
		}
		for j := range in.Allow {
			if in.Allow[j].Name == "" {
				in.Allow[j].Name = fmt.Sprintf("rule-%d", j+1)
			}
		}
		for j := range in.Deny {
			if in.Deny[j].Name == "" {
				in.Deny[j].Name = fmt.Sprintf("deny-%d", j+1)
			}
		}
		in.Policy = newPolicy(in)
	}
	for i := range c.Egress {
		if out := &c.Egress[i]; out.Name == "" {
			out.Name = defaultName("egress", i)
		}
	}
}

// A listener is an address that the process listens on.
type listener struct {
	kind, name string // such as ingress and its name; health and admin have none
	path       string
	addr       string
}

// what returns how people call l.
func (l listener) what() string {
	if l.name == "" {
		return l.kind
	}
	return l.kind + " " + strconv.Quote(l.name)
}

// listeners returns those of c that have a name.
func (c *Config) listeners() []listener {
	var ls []listener
	for i, in := range c.Ingress {
		ls = append(ls, listener{"ingress", in.Name, index("ingress", i), in.Listen})
	}
	for i, out := range c.Egress {
		ls = append(ls, listener{"egress", out.Name, index("egress", i), out.Listen})
	}
	return ls
}

// sockets returns all addresses of c that are in use.
func (c *Config) sockets() []listener {
	ls := append(c.listeners(), listener{"health", "", "health", c.Health.Listen}, listener{"admin", "", "admin", c.Admin.Listen})
	return slices.DeleteFunc(ls, func(l listener) bool { return l.addr == "" })
}

// checkUnique wants a listener at all, and no name twice: it is what metrics and
// logs tell listeners by.
func (v *validator) checkUnique(ls []listener) {
	if len(ls) == 0 {
		v.addf("ingress", "has no entry; write at least one listener with upstream, certificate, clientCA and allow, or one under egress")
	}
	names := map[string]string{}
	for _, l := range ls {
		if first, ok := names[l.name]; ok {
			v.addf(l.path+".name", "%s is the name of %s already; choose another", quote(l.name), first)
			continue
		}
		names[l.name] = l.path
	}
}

// checkAddress checks that addr is host:port with an address that needs no
// resolver: which interface a name means may change behind our back.
func (v *validator) checkAddress(path, addr string, mayBeOff bool) {
	if addr == "" && mayBeOff {
		return
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		v.addf(path, "%s is not host:port; write it as :8443, 127.0.0.1:8443 or [::1]:8443", quote(addr))
		return
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
		v.addf(path, "the host of %s is not an IP address; write one, or nothing for all of them", quote(addr))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		v.addf(path, "the port of %s is not a number from 0 to 65535; write it as :8443", quote(addr))
	}
}

// checkConflicts refuses two listeners on one address, which the kernel would
// refuse only after a part of them is up. Port 0 is a free port each time.
func (v *validator) checkConflicts(ls []listener) {
	for i, l := range ls {
		for _, other := range ls[:i] {
			if conflict(l.addr, other.addr) {
				v.addf(l.path+".listen", "%s is the address of %s (%s.listen) already; choose another port", quote(l.addr), other.what(), other.path)
				break
			}
		}
	}
}

func conflict(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	ipA, ipB := listenIP(hostA), listenIP(hostB)
	switch {
	case ipA == ipB, ipA == netip.IPv6Unspecified(), ipB == netip.IPv6Unspecified():
		return true
	}
	return ipA.Is4() == ipB.Is4() && (ipA.IsUnspecified() || ipB.IsUnspecified())
}

// listenIP returns the address that a host means to a listener. No host is
// every address of both families, which is what the IPv6 wildcard is too.
func listenIP(host string) netip.Addr {
	switch host {
	case "":
		return netip.IPv6Unspecified()
	case "localhost":
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	ip, _ := netip.ParseAddr(host)
	return ip.Unmap()
}

func (v *validator) oneOf(path, value string, choices []string) {
	if slices.Contains(choices, value) {
		return
	}
	if value == "" {
		v.addf(path, "is required; write one of %s", strings.Join(choices, ", "))
	} else if near, ok := Nearest(value, choices); ok {
		v.addf(path, "%s is unknown; did you mean %q?", quote(value), near)
	} else {
		v.addf(path, "%s is unknown; write one of %s", quote(value), strings.Join(choices, ", "))
	}
}

func (v *validator) notNegative(path string, d time.Duration) {
	if d < 0 {
		v.addf(path, "%v is negative; write a duration such as 10s", d)
	}
}

// upTo checks a duration that may be 0.
func (v *validator) upTo(path string, d, most time.Duration) {
	v.notNegative(path, d)
	if d > most {
		v.addf(path, "%v is too long; write at most %s", d, brief(most))
	}
}

// brief returns d without the zero units that its own String ends in: 10m, not 10m0s.
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (v *validator) positive(path string, d time.Duration) {
	if d <= 0 {
		v.addf(path, "%v is not above 0; write a duration such as 10s", d)
	}
}

func (v *validator) between(path string, n, low, high int) {
	if n < low || n > high {
		v.addf(path, "%d is not from %d to %d", n, low, high)
	}
}

// checkName checks what becomes a metric label and a word in logs.
func (v *validator) checkName(path, name string) {
	if strings.Trim(name, nameLetters) != "" || len(name) > 63 || name == "" {
		v.addf(path, "%s is not a name; use letters, digits, '.', '_' and '-', at most 63 of them", quote(name))
	}
}

const nameLetters = hostLetters + "."
