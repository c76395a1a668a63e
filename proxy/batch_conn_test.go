package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
)

const stall = 7 * time.Second

// batched returns a conn, its batch, and the client at the other end.
func batched(t *testing.T, out func(c *conn) func([]byte) (int, error)) (*conn, net.Conn) {
	t.Helper()
	server, client := net.Pipe()
	t.Cleanup(func() { _ = server.Close(); _ = client.Close() })
	in := &Ingress{now: time.Now}
	in.cur.Store(&generation{limits: Limits{BodyIdleTimeout: stall}})
	c := &conn{Conn: server, in: in, release: func() {}}
	if out == nil {
		out = func(c *conn) func([]byte) (int, error) { return c.send }
	}
	c.batch = newBatch(out(c))
	return c, client
}

func TestAWriterDoesNotWaitForEver(t *testing.T) {
	for what, gathers := range map[string]bool{"that writes at once": false, "that gathers": true} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := batched(t, nil)
				if gathers {
					c.batch.gather()
				}
				start := time.Now()
				err := writeUntilItFails(c.batch)
				if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took < stall || took > stall+stall/4 {
					t.Errorf("%v after %v, want the end after %v or a little later", err, took, stall)
				}
			})
		})
	}
}

func TestTheLastBytesGoOutBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, client := batched(t, nil)
		c.batch.gather()
		_, _ = c.Write([]byte("last words"))
		go func() { _ = c.Close() }()
		if got, err := io.ReadAll(client); string(got) != "last words" || err != nil {
			t.Errorf("the client read %q, %v", got, err)
		}
	})
}

func TestAClientThatDoesNotReadDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := batched(t, nil)
		c.batch.gather()
		_, _ = c.Write([]byte("last words"))
		synctest.Wait()
		start := time.Now()
		_ = c.Close()
		if took := time.Since(start); took > lingerTimeout {
			t.Errorf("to close took %v, want %v", took, lingerTimeout)
		}
	})
}

// Nor does one whose write is under way, as it is at the end of a drain.
func TestAWriteThatIsStuckDoesNotHoldUpTheEnd(t *testing.T) {
	begun := make(chan struct{})
	c, _ := batched(t, func(c *conn) func([]byte) (int, error) {
		return func(p []byte) (int, error) { close(begun); return c.send(p) }
	})
	failed := make(chan error, 1)
	go func() {
		_, err := c.Write([]byte("x"))
		failed <- err
	}()
	<-begun
	start := time.Now()
	_ = c.Close()
	if took := time.Since(start); took > stall/2 {
		t.Errorf("to close took %v, want %v", took, lingerTimeout)
	}
	if err := <-failed; err == nil {
		t.Error("the write succeeded")
	}
}

// What the relay writes of a response at once is several TLS records.
func TestRecordsOfALongWriteAreOneCall(t *testing.T) {
	calls := 0
	c, client := batched(t, func(c *conn) func([]byte) (int, error) {
		return func(p []byte) (int, error) { calls++; return c.send(p) }
	})
	ca, err := minica.New(minica.Options{Subject: "CN=CA"})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.Issue(minica.Options{Subject: "CN=localhost"})
	if err != nil {
		t.Fatal(err)
	}
	c.tls = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert.TLS()}, SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	secure := tls.Client(client, &tls.Config{InsecureSkipVerify: true}) // it is about records only
	shaken := make(chan error, 1)
	go func() { shaken <- c.tls.HandshakeContext(ctx) }()
	if err := errors.Join(secure.HandshakeContext(ctx), <-shaken); err != nil {
		t.Fatal(err)
	}
	const size = 4 * maxRecord
	before := calls
	read := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(secure, make([]byte, size))
		read <- err
	}()
	_, err = relayTLS{c.tls, c}.Write(make([]byte, size))
	if err := errors.Join(err, <-read); err != nil {
		t.Fatal(err)
	}
	if n := calls - before; n != 1 {
		t.Errorf("a write of %d bytes was %d calls, want one", size, n)
	}
}
