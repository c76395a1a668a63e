package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// What came in before the end may need calls out to be done with.
func TestADrainLetsTheApplicationCallUntilItIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out := "http://" + freeAddress(t)
	begun, end := make(chan struct{}), make(chan struct{})
	w.app.Config.Handler = http.HandlerFunc(func(res http.ResponseWriter, _ *http.Request) {
		begun <- struct{}{}
		<-end
		status, body, err := fetch(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, out+"/confirm")
		fmt.Fprint(res, status, body, err)
	})
	w.configure("ingress:\n" + ingress("gate", "127.0.0.1:0", partnerDN) +
		"egress:\n" + egress("partner", strings.TrimPrefix(out, "http://"), w.api().URL) + ports)
	p := w.start()

	answer := make(chan string, 1)
	client := w.client(w.certs["partner"])
	defer client.CloseIdleConnections()
	go func() {
		_, body, err := fetch(client, p.ingress+"/webhook")
		answer <- fmt.Sprint(body, err)
	}()
	<-begun
	p.signal(syscall.SIGTERM)
	eventually(t, "no more connections accepted", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.ingress, "https://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(end)
	if got := <-answer; !strings.HasPrefix(got, "200GET /confirm by CN=partner.example") {
		t.Errorf("the application's call while it drained: %s", got)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d; the log:\n%s", code, p.log.buf.String())
	}
}

func TestADrainWithoutAnIngressLosesNoCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, end := make(chan struct{}), make(chan struct{})
	api := newPartner(w.pki, w.issue("api", apiOptions()), func(res http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- struct{}{}
			<-end
		}
		whoCalls(res, r)
	})
	defer api.Close()
	w.configure(strings.Replace(onlyCalling(api.URL), "drainDelay: 0s", "drainDelay: 2s", 1))
	p := w.spawn()
	addr, health := p.address("egress"), "http://"+p.address("health")

	p.signal(syscall.SIGUSR1)
	p.log.wait(t, `"msg":"leaving`)
	if status, _, err := fetch(http.DefaultClient, health+"/readyz"); status != 503 {
		t.Errorf("readyz while leaving: %d %v", status, err)
	}
	underway := make(chan string, 1)
	go func() {
		_, body, err := fetch(&http.Client{Transport: &http.Transport{}}, "http://"+addr+"/slow")
		underway <- fmt.Sprint(body, err)
	}()
	<-begun
	p.signal(syscall.SIGTERM)
	p.log.wait(t, `"msg":"draining"`)
	if status, body := w.call(addr, "/late"); status != 200 {
		t.Errorf("a call while drainDelay passes: %d %q", status, body)
	}
	eventually(t, "no more connections accepted", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(end)
	if got := <-underway; !strings.HasPrefix(got, "GET /slow by CN=partner.example") {
		t.Errorf("the call under way: %s", got)
	}
	if code := p.exit(); code != 0 || p.log.count(`"msg":"drained"`) != 1 {
		t.Errorf("exit code %d; the log:\n%s", code, p.log.buf.String())
	}
}

func TestADrainCutsCallsOffAfterItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, end := make(chan struct{}), make(chan struct{})
	api := newPartner(w.pki, w.issue("api", apiOptions()), func(http.ResponseWriter, *http.Request) {
		close(begun)
		<-end
	})
	defer api.Close()
	defer close(end)
	w.configure(onlyCalling(api.URL) + "drainTimeout: 300ms\n")
	p := w.spawn()
	addr := p.address("egress")
	go func() { _, _, _ = fetch(&http.Client{Transport: &http.Transport{}}, "http://"+addr+"/slow") }()
	<-begun
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 1 || p.log.count("sidegate: ", `requests were cut off after drainTimeout (300ms): egress "partner": `) != 1 {
		t.Errorf("exit code %d; the log:\n%s", code, p.log.buf.String())
	}
}
