package csr

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// checkPlaces says why key and request cannot be written where they are to go,
// as far as that can be told before.
func checkPlaces(keyFile, out string) error {
	var errs []error
	for _, place := range []struct{ flag, file string }{{"--key", keyFile}, {"--out", out}} {
		dir := filepath.Dir(place.file)
		if info, err := os.Stat(dir); place.file != "" && (err != nil || !info.IsDir()) {
			errs = append(errs, fmt.Errorf("%s %q: there is no directory %q; make it first", place.flag, place.file, dir))
		}
	}
	if out == "" {
		return errors.Join(errs...)
	}
	if _, err := os.Lstat(out); err == nil {
		errs = append(errs, fmt.Errorf("--out %q exists, and nothing is overwritten; name another file, or remove it", out))
	}
	if keyFile != "" && filepath.Clean(keyFile) == filepath.Clean(out) {
		errs = append(errs, fmt.Errorf("--key and --out are both %q; the request needs a file of its own", out))
	}
	return errors.Join(errs...)
}

// Write writes the private key to its file, if it is new, and then the request
// to its own, or as PEM to w if it has none. It replaces no file. If the request
// cannot be written the key stays, and the error says so.
func (r *Request) Write(w io.Writer) error {
	if r.key.made {
		if err := r.writeKey(); err != nil {
			return err
		}
	}
	err := r.writeRequest(w)
	if err != nil && r.key.made {
		return fmt.Errorf("%w; the new private key is in %q and stays: run the command again, and it is used", err, r.options.KeyFile)
	}
	return err
}

// Done says what was written and what to do with it.
func (r *Request) Done() string {
	text, request := "", "the request above"
	if r.key.made {
		text = fmt.Sprintf("wrote %q, mode 0600: the private key; keep it, and send it to nobody\n", r.options.KeyFile)
	}
	if r.options.Out != "" {
		text += fmt.Sprintf("wrote %q: the request\n", r.options.Out)
		request = fmt.Sprintf("%q", r.options.Out)
	}
	return text + fmt.Sprintf("next: send %s to the CA; what it issues goes beside the key in %q\n", request, r.options.KeyFile)
}

func (r *Request) writeKey() error {
	file := r.options.KeyFile
	der, err := x509.MarshalPKCS8PrivateKey(r.key.signer)
	if err != nil {
		return fmt.Errorf("encode the private key: %w", err)
	}
	err = writeNew(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write private key: %q came to be in the meantime and is left as it is; run the command again to use the key in it", file)
	}
	if err != nil {
		return fmt.Errorf("write private key to %q: %w", file, err)
	}
	return nil
}

func (r *Request) writeRequest(w io.Writer) error {
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: r.der})
	if r.options.Out == "" {
		if _, err := w.Write(text); err != nil {
			return fmt.Errorf("write the request: %w", err)
		}
		return nil
	}
	err := writeNew(r.options.Out, text, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write the request: %q came to be in the meantime and is left as it is; name another file with --out", r.options.Out)
	}
	if err != nil {
		return fmt.Errorf("write the request to %q: %w", r.options.Out, err)
	}
	return nil
}

// writeNew writes a file that must not exist. It gets its name by a hard link,
// which fails if the name is taken, when it is whole and on the disk: nobody
// ever sees half a key, and of two who write at once one fails. Until then it
// is open to its owner alone, whatever the umask.
func writeNew(file string, data []byte, mode fs.FileMode) error {
	temp, err := os.CreateTemp(filepath.Dir(file), ".sidegate-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(data)
	// The umask can only have taken away from 0600.
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	if err := os.Link(temp.Name(), file); err != nil {
		return fmt.Errorf("give it its name by a hard link, which not every file system has: %w; choose a directory on another", err)
	}
	return nil
}
