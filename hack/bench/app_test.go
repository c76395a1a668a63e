package main

import (
	"bytes"
	"net"
	"testing"
)

func TestTheApplicationAnswersEachRequest(t *testing.T) {
	addr, stop, err := startApp()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	in := messages{r: nc, buf: make([]byte, 4096)}
	for _, test := range []struct {
		request []byte
		length  int64
		body    string
	}{
		{getRequest, smallBody, ""},
		{postRequest, smallBody, ""},
		{request("GET", subjectPath, "X-Client-Subject: CN=a\r\nx-client-subject:  CN=b\r\n", nil), 9, "CN=a|CN=b"},
		{request("GET", subjectPath, "", nil), 0, ""},
		{downloadRequest, downloadBody, ""},
		{lastGetRequest, smallBody, ""},
	} {
		if _, err := nc.Write(test.request); err != nil {
			t.Fatal(err)
		}
		head, err := in.head()
		if err != nil {
			t.Fatalf("%.30q: %v", test.request, err)
		}
		if got := contentLength(head); got != test.length {
			t.Errorf("%.30q: %d bytes are announced, want %d", test.request, got, test.length)
		}
		var body bytes.Buffer
		if err := in.body(contentLength(head), &body); err != nil {
			t.Fatalf("%.30q: %v", test.request, err)
		}
		if test.body != "" && body.String() != test.body {
			t.Errorf("%.30q: the body is %q, want %q", test.request, &body, test.body)
		}
	}
	if head, err := in.head(); err == nil {
		t.Errorf("after Connection: close came %q", head)
	}
}

func TestHeadsThatComeInPieces(t *testing.T) {
	r, w := net.Pipe()
	go func() {
		defer w.Close()
		for _, piece := range []string{"HTTP/1.1 200 OK\r\nContent-Le", "ngth: 3\r\n\r", "\nab", "cHTTP/1.1 204 No Content\r\n\r\n"} {
			_, _ = w.Write([]byte(piece))
		}
	}()
	in := messages{r: r, buf: make([]byte, 64)}
	head, err := in.head()
	if err != nil || contentLength(head) != 3 {
		t.Fatalf("the first head is %q, %v", head, err)
	}
	if err := in.discard(3); err != nil {
		t.Fatal(err)
	}
	if head, err := in.head(); err != nil || string(head) != "HTTP/1.1 204 No Content\r\n\r\n" {
		t.Errorf("the second head is %q, %v", head, err)
	}
}
