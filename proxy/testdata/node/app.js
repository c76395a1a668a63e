// The application of the tests that speak to a real Node.js server. It prints
// its port, and ends when its standard input does: it never outlives the tests.
'use strict';
const crypto = require('crypto');
const http = require('http');

// Each handler answers one path; the query may say how.
const handlers = {
  '/echo': (req, res) => {
    const sum = crypto.createHash('sha256');
    let length = 0;
    req.on('data', (piece) => {
      length += piece.length;
      sum.update(piece);
    });
    req.on('end', () => {
      res.setHeader('Content-Type', 'application/json');
      res.setHeader('Set-Cookie', ['a=1', 'b=2']);
      res.end(JSON.stringify({
        method: req.method, url: req.url, rawHeaders: req.rawHeaders, length, sum: sum.digest('hex'),
      }));
    });
  },
  '/early': (req, res) => { // an answer before the body is read
    res.statusCode = 413;
    res.end('too much');
  },
  '/204': (req, res) => {
    res.statusCode = 204;
    res.end();
  },
  '/304': (req, res) => {
    res.statusCode = 304;
    res.setHeader('ETag', '"x"');
    res.end();
  },
  '/length': (req, res) => {
    const size = Number(new URL(req.url, 'http://x').searchParams.get('size'));
    res.setHeader('Content-Length', size);
    res.end(req.method === 'HEAD' ? undefined : Buffer.alloc(size, 'n'));
  },
  '/chunks': (req, res) => {
    for (let i = 0; i < 100; i++) res.write('chunk ' + i + '\n');
    res.end();
  },
  '/hints': (req, res) => {
    res.writeEarlyHints({ link: '</a.css>; rel=preload; as=style' }, () => res.end('hinted'));
  },
  '/trailers': (req, res) => {
    res.writeHead(200, { Trailer: 'X-Sum' });
    res.write('body');
    res.addTrailers({ 'X-Sum': '1a2b' });
    res.end();
  },
  // A piece each time somebody asks /next: the client has seen the one before.
  '/stream': (req, res) => {
    streams.push(res);
    res.write('piece 0\n');
  },
  '/next': (req, res) => {
    const stream = streams[0];
    stream.count = (stream.count || 0) + 1;
    stream.write('piece ' + stream.count + '\n');
    if (stream.count === 3) streams.shift().end();
    res.end();
  },
  '/die': (req) => req.socket.destroy(),
};
const streams = [];

const server = http.createServer((req, res) => {
  const handler = handlers[req.url.split('?')[0]];
  if (handler) {
    handler(req, res);
  } else {
    res.statusCode = 404;
    res.end('not here');
  }
});
server.keepAliveTimeout = Number(process.argv[2] || 5000);

// A WebSocket by hand (RFC 6455): text frames come back as they went.
server.on('upgrade', (req, socket, head) => {
  const accept = crypto.createHash('sha1')
    .update(req.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Accept: ' + accept + '\r\n\r\n');
  let waiting = Buffer.from(head);
  const take = () => {
    while (waiting.length >= 6) {
      let size = waiting[1] & 127;
      let at = 2;
      if (size === 126) {
        if (waiting.length < 8) return;
        size = waiting.readUInt16BE(2);
        at = 4;
      }
      if (waiting.length < at + 4 + size) return;
      const mask = waiting.subarray(at, at + 4);
      const data = Buffer.from(waiting.subarray(at + 4, at + 4 + size).map((b, i) => b ^ mask[i % 4]));
      socket.write(Buffer.concat([Buffer.from([waiting[0], ...lengthOf(size)]), data]));
      if ((waiting[0] & 15) === 8) socket.end();
      waiting = waiting.subarray(at + 4 + size);
    }
  };
  socket.on('data', (piece) => {
    waiting = Buffer.concat([waiting, piece]);
    take();
  });
  socket.on('error', () => socket.destroy());
  take();
});
const lengthOf = (size) => size < 126 ? [size] : [126, size >> 8, size & 255];

process.stdin.on('end', () => process.exit(0)).resume();
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
