package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/subject"
)

// An exchange is one request to a fake gate.
type exchange struct {
	n      int64 // from 1
	header http.Header
}

const (
	hangsUp = -1 // instead of an answer
	lies    = -2 // answers 200, and says that somebody else called
)

// openFake returns a stage whose gate is none: it believes every certificate
// and needs none, leaves forged headers, and answers as told.
func openFake(t *testing.T, status func(exchange) int) (*stage, *atomic.Int64) {
	t.Helper()
	dir := t.TempDir()
	st := &stage{dir: dir, book: newLogBook(io.Discard)}
	st.placeMounts(dir)
	if err := errors.Join(st.certify(t.Context()), st.mountAll(t.Context())); err != nil {
		t.Fatal(err)
	}
	requests := new(atomic.Int64)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answerAs(w, r, status(exchange{requests.Add(1), r.Header}))
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{st.server.TLS()}, ClientAuth: tls.RequestClientCert}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // callers hang up as they like
	server.StartTLS()
	t.Cleanup(server.Close)
	st.url = server.URL
	return st, requests
}

func answerAs(w http.ResponseWriter, r *http.Request, status int) {
	switch status {
	case hangsUp:
		panic(http.ErrAbortHandler)
	case lies:
		fmt.Fprintf(w, "X-Client-Subject: %s\n", globexDN)
	default:
		if presented := r.TLS.PeerCertificates; len(presented) > 0 {
			name, _ := subject.FromDER(presented[0].RawSubject)
			r.Header.Add("X-Client-Subject", name.String())
		}
		w.WriteHeader(status)
		repeatIdentity(w, r)
	}
}

func TestTheTallyCountsEveryFailure(t *testing.T) {
	answers := []int{200, 200, 500, 403, hangsUp, 200, lies, 200}
	st, requests := openFake(t, func(x exchange) int { return answers[x.n-1] })
	acme := st.caller(st.acmeCert)
	defer acme.hangUp()
	var counted tally
	if err := counted.err(); err != nil {
		t.Errorf("a tally of nothing: %v", err)
	}
	for i, status := range answers {
		if _, err := counted.admitted(t.Context(), acme, nil); (err == nil) != (status == 200) {
			t.Errorf("request %d of %v: %v", i+1, answers, err)
		}
	}
	if sent, failed := counted.sent.Load(), counted.failed.Load(); sent != 8 || failed != 4 {
		t.Errorf("%d sent, %d failed, want 8 and 4", sent, failed)
	}
	if n := requests.Load(); n != 8 {
		t.Errorf("the gate saw %d requests of 8: some were sent again behind our back", n)
	}
	if err := counted.err(); err == nil || !strings.Contains(err.Error(), "4 of 8 requests failed, the first: "+acmeDN+" was answered 500") {
		t.Errorf("the tally says %v", err)
	}
}

func TestTurns(t *testing.T) {
	tests := []struct {
		gate    string
		answers []int
		wrong   string
	}{
		{"turns to 401", []int{200, 200, 200, 401}, ""},
		{"closes the open connection", []int{200, hangsUp, 401}, "EOF"},
		{"answers something else", []int{200, 503, 401}, "was answered 503"},
		{"never turns", []int{200}, "deadline exceeded"},
	}
	for _, test := range tests {
		t.Run("a gate that "+test.gate, func(t *testing.T) {
			st, _ := openFake(t, func(x exchange) int { return test.answers[min(int(x.n), len(test.answers))-1] })
			acme := st.caller(st.acmeCert)
			defer acme.hangUp()
			if _, err := new(tally).admitted(t.Context(), acme, nil); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 40*glance)
			defer cancel()
			_, err := acme.turns(ctx, 200, 401, func() error { return nil })
			if test.wrong == "" && err != nil || test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)) {
				t.Errorf("error %v, want %q in it", err, test.wrong)
			}
		})
	}
}

func TestTurnsInsistsOnTheOpenConnection(t *testing.T) {
	st, _ := openFake(t, func(x exchange) int { return 401 })
	acme := st.caller(st.acmeCert) // has no connection yet
	defer acme.hangUp()
	_, err := acme.turns(t.Context(), 200, 401, func() error { return nil })
	if err == nil || !strings.Contains(err.Error(), "new connection") {
		t.Errorf("a refusal on a new connection passed for one on the open one: %v", err)
	}
}

func TestToBeLetInIsNoAlert(t *testing.T) {
	st, _ := openFake(t, func(exchange) int { return 200 })
	ctx, cancel := context.WithTimeout(t.Context(), 10*glance)
	defer cancel()
	if alert, err := st.caller(nil).alert(ctx); err == nil {
		t.Errorf("a gate that asks for no certificate refused with %q", alert)
	}
}

func TestCallersTakeTheOtherSideForWhatItIs(t *testing.T) {
	st, _ := openFake(t, func(exchange) int { return 200 })
	stranger, err := minica.New(minica.Options{Subject: "CN=Nobody's CA"})
	if err != nil {
		t.Fatal(err)
	}
	st.serverCA = stranger
	if _, err := st.caller(st.acmeCert).call(t.Context(), nil); err == nil {
		t.Error("a caller trusts a server certificate of a CA that it does not know")
	}
}

func TestAwait(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		event string
		after int // looks; 0: never
		err   error
		want  string
	}{
		{"is there", 1, nil, "<nil>"},
		{"comes after a while", 100, nil, "<nil>"},
		{"turns out to be an error", 3, broken, "broken"},
		{"never comes", 0, nil, "the event did not happen within 5s"},
	}
	for _, test := range tests {
		t.Run("an event that "+test.event, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				looks := 0
				err := await(t.Context(), "the event", func() (bool, error) {
					looks++
					if looks == test.after {
						return test.err == nil, test.err
					}
					return false, nil
				})
				if got := fmt.Sprint(err); got != test.want {
					t.Errorf("error %v, want %s", err, test.want)
				}
			})
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	if err := await(ctx, "", func() (bool, error) { return false, nil }); err != broken {
		t.Errorf("an interrupted wait: %v", err)
	}
}
