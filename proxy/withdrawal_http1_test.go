package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// requestEvery is how often a guest that makes one request after the other does so.
const requestEvery = 200 * time.Millisecond

// keptAlive is HTTP/1.1 with a request now and then: one that it stays for, and an
// errand after it.
type keptAlive struct{}

func (keptAlive) String() string     { return "HTTP/1.1 keep-alive" }
func (keptAlive) gate(s *site) *gate { return s.web }
func (keptAlive) alpn() string       { return "http/1.1" }
func (keptAlive) runsErrands() bool  { return true }
func (keptAlive) outlives() bool     { return true }
func (keptAlive) out(c *change) []string {
	return []string{fmt.Sprintf("%d %s", c.status, c.word), lastAnswer}
}
func (keptAlive) left() string { return "left" }

// lastAnswer is the end of a guest whose request was under way at the moment of the
// change: it is answered, and the connection closed by RFC 9112 §9.6.
const lastAnswer = "200 with Connection: close"

func (keptAlive) visit(g *guest) string {
	in := bufio.NewReader(g.conn)
	tick := time.NewTicker(requestEvery)
	defer tick.Stop()
	refused := "" // how the stay was
	for n := 1; ; n++ {
		if refused == "" {
			if refused = ask(g, in, g.stayPath(), n); refused == "" {
				g.progress(&g.stayed)
			} else {
				g.endStay(refused)
			}
		}
		switch {
		case strings.HasPrefix(refused, "401 "):
			return closedAfter(refused, in)
		case refused != "" && !strings.HasPrefix(refused, "403 "):
			return refused
		}
		if how := ask(g, in, g.errandPath(), n); how != "" {
			return how
		}
		g.progress(&g.errands)
		select {
		case <-tick.C:
		case <-g.leave:
			return "left"
		}
	}
}

// ask makes a request with the number n and returns how it was refused, if it was.
func ask(g *guest, in *bufio.Reader, path string, n int) string {
	if _, err := fmt.Fprintf(g.conn, "GET %s?%d HTTP/1.1\r\nHost: a\r\n\r\n", path, n); err != nil {
		return "request not sent: " + err.Error()
	}
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return "no response: " + err.Error()
	}
	body, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return "no whole response: " + err.Error()
	case res.StatusCode != http.StatusOK:
		return refusalOf(res.StatusCode, string(body))
	case string(body) != strconv.Itoa(n):
		return fmt.Sprintf("the answer to request %d is %q", n, body)
	case res.Close:
		return closedAfter(lastAnswer, in)
	}
	return ""
}

// refusalOf returns status and reason word of an answer of the gate.
func refusalOf(status int, line string) string {
	prefix := fmt.Sprintf("%d %s: ", status, http.StatusText(status))
	word, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), prefix)
	if !ok {
		return fmt.Sprintf("%d with %q", status, line)
	}
	return fmt.Sprintf("%d %s", status, word)
}

// closedAfter returns how, or that the gate did not close the connection after it.
func closedAfter(how string, in *bufio.Reader) string {
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		return fmt.Sprintf("%s, and then %q %v", how, rest, err)
	}
	return how
}

// eventStream is HTTP/1.1 with a response that does not end.
type eventStream struct{}

func (eventStream) String() string       { return "server-sent events" }
func (eventStream) gate(s *site) *gate   { return s.web }
func (eventStream) alpn() string         { return "http/1.1" }
func (eventStream) runsErrands() bool    { return false }
func (eventStream) outlives() bool       { return false }
func (eventStream) out(*change) []string { return []string{"broke off"} }
func (eventStream) left() string         { return "left" }

func (eventStream) visit(g *guest) string {
	if _, err := fmt.Fprintf(g.conn, "GET %s HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n", g.stayPath()); err != nil {
		return "request not sent: " + err.Error()
	}
	res, err := http.ReadResponse(bufio.NewReader(g.conn), nil)
	if err != nil {
		return "no response: " + err.Error()
	}
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		return refusalOf(res.StatusCode, string(body))
	}
	go func() {
		<-g.leave // there is no other way to end it
		_ = g.conn.Close()
	}()
	events := bufio.NewReader(res.Body)
	for n := 1; ; n++ {
		var event string
		for range 2 { // its line, and the empty one that ends it
			line, err := events.ReadString('\n')
			if err != nil {
				return endOfEvents(g, err)
			}
			event += line
		}
		if event != fmt.Sprintf("data: %d\n\n", n) {
			return fmt.Sprintf("event %q, want number %d", event, n)
		}
		g.progress(&g.stayed)
	}
}

// endOfEvents says how a response of chunks ended. One with its last chunk would be
// taken for whole.
func endOfEvents(g *guest, err error) string {
	switch {
	case g.isLeaving():
		return "left"
	case err == io.EOF:
		return "ended as if it were whole"
	case err == io.ErrUnexpectedEOF:
		return "broke off"
	default:
		return "broke off: " + err.Error()
	}
}
