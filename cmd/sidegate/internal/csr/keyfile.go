package csr

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxKeyFile is far above any key with its certificates.
const maxKeyFile = 1 << 20

// readKey reads the private key in file. That there is no such file is no
// error: exists is false then.
func readKey(file string) (k key, exists bool, err error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(file); err == nil {
			return key{}, false, fmt.Errorf("--key %q is a symbolic link to a file that does not exist; name that file, or remove the link", file)
		}
		return key{}, false, nil
	}
	switch {
	case err != nil:
		return key{}, false, fmt.Errorf("look for private key: %w", err)
	case info.IsDir():
		return key{}, false, fmt.Errorf("--key %q is a directory; name a file, such as tls.key in it", file)
	case !info.Mode().IsRegular():
		return key{}, false, fmt.Errorf("--key %q is not a regular file; name one, or one that does not exist", file)
	}
	data, err := readAll(file)
	if err != nil {
		return key{}, false, fmt.Errorf("read private key: %w; run as its owner, or name a file that does not exist and a new key is made there", err)
	}
	signer, err := decodeKey(data)
	if err == nil {
		err = unfit(signer.Public())
	}
	if err != nil {
		return key{}, false, fmt.Errorf("--key %q exists, but cannot be used and is left as it is: %w", file, err)
	}
	return key{signer: signer, loose: looseness(info.Mode())}, true, nil
}

func readAll(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxKeyFile))
}

// looseness says whom mode lets near a private key but its owner.
func looseness(mode fs.FileMode) string {
	switch {
	case mode&0o022 != 0:
		return "written"
	case mode&0o044 != 0:
		return "read"
	}
	return ""
}

// decodeKey reads the one private key in PEM data. It never says a word of the
// data, not even the label of a block: a damaged file may have anything there.
func decodeKey(data []byte) (crypto.Signer, error) {
	var keys []*pem.Block
	certificates, others := 0, 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			keys = append(keys, block)
		case block.Type == "CERTIFICATE":
			certificates++
		case strings.HasSuffix(block.Type, "PARAMETERS"): // openssl ecparam -genkey writes the curve before the key
		default:
			others++
		}
	}
	switch {
	case len(keys) > 1:
		return nil, fmt.Errorf("it holds %d private keys; leave the one that the request is for", len(keys))
	case len(keys) == 1:
		return decodeBlock(keys[0])
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errors.New("it is empty; remove it, and a new key is made there")
	case certificates > 0:
		return nil, errors.New("it holds a certificate and no private key; name the file of the key, or one that does not exist")
	case others > 0:
		return nil, errors.New("it holds PEM, but no private key; name the file of the key, or one that does not exist")
	case bytes.Contains(data, []byte("-----BEGIN")):
		return nil, errors.New("its PEM is cut short or damaged; take the key from where it was kept safe, or name a file that does not exist")
	}
	return nil, errors.New("it is not PEM; write the key as PEM, with: openssl pkey -inform DER -in FILE")
}

// decodeBlock tries the three encodings in use, whatever the label says. What
// crypto/x509 finds wrong with the key is not passed on: it speaks of content.
func decodeBlock(block *pem.Block) (crypto.Signer, error) {
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return nil, errors.New("it is protected by a passphrase; write it without one, with: openssl pkey -in FILE -out FILE.new")
	case block.Type == "OPENSSH PRIVATE KEY":
		return nil, errors.New("it is in the format of OpenSSH, which TLS does not use; name a file that does not exist, and a new key is made there")
	}
	var parsed any
	pkcs8, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if parsed = pkcs8; err != nil {
		pkcs1, err1 := x509.ParsePKCS1PrivateKey(block.Bytes)
		sec1, err2 := x509.ParseECPrivateKey(block.Bytes)
		switch {
		case err1 == nil:
			parsed = pkcs1
		case err2 == nil:
			parsed = sec1
		default:
			return nil, errors.New("its key cannot be decoded: it is damaged, or neither PKCS #8 nor PKCS #1 nor SEC 1; name a file that does not exist, and a new key is made there")
		}
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New("its key cannot sign, so that TLS cannot use it; name a file that does not exist, and a new key is made there")
	}
	return signer, nil
}
