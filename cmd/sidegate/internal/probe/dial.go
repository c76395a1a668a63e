package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// maxAddresses bounds how many addresses of a name are tried.
const maxAddresses = 8

// dial connects to the first address that answers, or returns nil. Addresses are
// tried one after the other, so that what is said about each is true.
func (r *run) dial(ctx context.Context) net.Conn {
	target := r.o.Connect
	if target == "" {
		target = addressOf(r.url)
	}
	host, port, _ := net.SplitHostPort(target) // checked by New
	addresses, err := resolve(ctx, host)
	if err != nil {
		r.notFound(host, err)
		return nil
	}
	for i, ip := range addresses {
		deadline, _ := ctx.Deadline()
		share := time.Until(deadline) / time.Duration(len(addresses)-i)
		tried := Address{Address: net.JoinHostPort(ip.String(), port)}
		begin := time.Now()
		var conn net.Conn
		conn, err = (&net.Dialer{Timeout: share}).DialContext(ctx, "tcp", tried.Address)
		tried.ConnectMillis = millis(time.Since(begin))
		if err == nil {
			r.Addresses = append(r.Addresses, tried)
			return conn
		}
		word, problem, fix := r.unreached(tried.Address, err)
		tried.Error = word
		r.Addresses = append(r.Addresses, tried)
		if i == len(addresses)-1 {
			r.find(Error, word, problem, fix)
		}
	}
	return nil
}

// resolve returns the addresses of host, in the order in which they are tried.
func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err == nil && len(found) == 0 {
		err = errors.New("the name has no address")
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found[:min(len(found), maxAddresses)], err
}

func (r *run) notFound(host string, err error) {
	problem := fmt.Sprintf("the name %q could not be resolved: %s", host, shown(err.Error(), maxShown))
	fix := "look at the resolver of this machine; in a pod, at the network policy: DNS needs port 53 of the cluster's DNS"
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		problem = fmt.Sprintf("the name %q has no address: there is no such name, or only in another network", host)
		fix = "check the spelling; for a name that is not in DNS yet, give the address with --connect ADDR:PORT"
	}
	r.find(Error, "dns", problem, fix)
}

// unreached says why no connection to an address came about.
func (r *run) unreached(address string, err error) (word, problem, fix string) {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused", fmt.Sprintf("nobody listens on %s (\"Connection refused\")", address),
			"check the port, that the process runs, that it listens on this address and not on loopback alone, and that no firewall rule rejects the connection"
	case isTimeout(err):
		return "timeout", fmt.Sprintf("%s did not answer within %s", address, r.timeout),
			"a firewall, security group or network policy on the way drops the packets, or the address is not in use: open the port from here to there"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "unreachable", fmt.Sprintf("there is no route to %s: %s", address, shown(causeOf(err), maxShown)),
			"check the network of this machine, and whether it has IPv6 if the address is one"
	}
	return "unreachable", fmt.Sprintf("no connection to %s: %s", address, shown(causeOf(err), maxShown)), "check the address and the network of this machine"
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &e) && e.Timeout()
}

// causeOf returns what the system said, without the addresses around it.
func causeOf(err error) string {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	return err.Error()
}
