package proxy_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// webSocket is a WebSocket (RFC 6455) that gets ticks and its own words back. Its
// frames are made by hand: what matters is which come, and in what order.
type webSocket struct{}

func (webSocket) String() string     { return "WebSocket" }
func (webSocket) gate(s *site) *gate { return s.web }
func (webSocket) alpn() string       { return "http/1.1" }
func (webSocket) runsErrands() bool  { return true } // its echoes
func (webSocket) outlives() bool     { return false }
func (webSocket) left() string       { return "close 1000" }

func (webSocket) out(c *change) []string { return []string{"close 1008 " + c.word} }

// The opcodes and bits of a frame (RFC 6455 §5.2).
const (
	wsText  = 0x1
	wsClose = 0x8
	wsFin   = 0x80
	wsMask  = 0x80
)

func (webSocket) visit(g *guest) string {
	in := bufio.NewReader(g.conn)
	if how := upgrade(g, in); how != "" {
		return how
	}
	var writing sync.WaitGroup
	defer writing.Wait()
	over := make(chan struct{})
	defer close(over)
	heard := make(chan int, 1) // the number of the last echo
	writing.Go(func() { speak(g, heard, over) })
	for ticks, echoes := 0, 0; ; {
		opcode, payload, err := readFrame(in)
		switch {
		case err != nil:
			return "no frame: " + err.Error()
		case opcode == wsClose:
			return closing(g, in, payload)
		case string(payload) == fmt.Sprint("tick ", ticks+1):
			ticks++
			g.progress(&g.stayed)
		case string(payload) == fmt.Sprint("echo ", echoes+1):
			echoes++
			g.progress(&g.errands)
			heard <- echoes
		default:
			return fmt.Sprintf("frame %q after tick %d and echo %d", payload, ticks, echoes)
		}
	}
}

// upgrade opens the WebSocket and says why it could not.
func upgrade(g *guest, in *bufio.Reader) string {
	_, err := fmt.Fprintf(g.conn, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", g.stayPath())
	if err != nil {
		return "request not sent: " + err.Error()
	}
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return "no response: " + err.Error()
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(res.Body)
		return refusalOf(res.StatusCode, string(body))
	}
	return ""
}

// speak sends a word when the one before has come back, and says goodbye when the
// guest is asked to go.
func speak(g *guest, heard <-chan int, over <-chan struct{}) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for n := 0; ; {
		if _, err := g.conn.Write(frame(wsText, fmt.Sprint("echo ", n+1))); err != nil {
			return
		}
		select {
		case n = <-heard:
		case <-over:
			return
		}
		select {
		case <-tick.C:
		case <-over:
			return
		case <-g.leave:
			_, _ = g.conn.Write(frame(wsClose, "\x03\xe8")) // 1000
			return
		}
	}
}

// frame makes a short frame of a client, masked with zeros.
func frame(opcode byte, payload string) []byte {
	return append([]byte{wsFin | opcode, wsMask | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

// readFrame reads a short frame of a server.
func readFrame(in *bufio.Reader) (opcode byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	if head[0]&wsFin == 0 || head[1] > 125 {
		return 0, nil, fmt.Errorf("frame begins with % x: it is in parts, masked or long", head)
	}
	payload = make([]byte, head[1])
	_, err = io.ReadFull(in, payload)
	return head[0] &^ wsFin, payload, err
}

// closing answers a Close frame and says what was in it, if nothing but the end
// comes after it.
func closing(g *guest, in *bufio.Reader, payload []byte) string {
	if len(payload) < 2 {
		return "close without a code"
	}
	how := fmt.Sprintf("close %d", binary.BigEndian.Uint16(payload))
	if why := string(payload[2:]); why != "" {
		how += " " + why
	}
	g.endStay(how)
	if !g.isLeaving() {
		_, _ = g.conn.Write(frame(wsClose, string(payload[:2])))
	}
	// Who is too late with the answer, because the machine is busy, meets a closed socket.
	if rest, err := io.ReadAll(in); err != nil && !errors.Is(err, syscall.ECONNRESET) || len(rest) > 0 {
		return fmt.Sprintf("%s, and then %q %v", how, rest, err)
	}
	return how
}
