package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
)

// listBlock is the type of a revocation list in PEM (RFC 7468 §6).
const listBlock = "X509 CRL"

// addLists adds what can be said of revocation lists without their CAs: which
// cannot be used, and which are out of date. What holds other things is left out, as
// sidecars do. If own, a configuration names the files, and nothing is missing.
func (v *verdict) addLists(files certs.Contents, own bool, now time.Time) {
	found := false
	for _, key := range slices.Sorted(maps.Keys(files)) {
		if !certs.NamesList(key) {
			continue
		}
		lists, err := listsIn(files[key])
		found = found || err != nil || len(lists) > 0
		if err != nil {
			v.find(reasonOfList(err), "%s: %v. To mend it: store the CA's present list, whole, in PEM or DER. %s", key, err, consequence)
		}
		for _, list := range lists {
			v.addList(key, list, now)
		}
	}
	if !found && !own {
		v.find(reasonNoList, "*: there is no revocation list. To mend it: store the CA's list under a key that ends in .crl or .pem. %s", consequence)
	}
}

// addList adds what the dates of a list say.
func (v *verdict) addList(key string, list *certs.CRL, now time.Time) {
	earliest(&v.updates, key, list.NextUpdate)
	v.changes(list.ThisUpdate, now)
	v.changes(list.NextUpdate, now)
	switch {
	case now.Before(list.ThisUpdate):
		v.find(reasonNotUsable, "%s: the revocation list is not valid before %s. To mend it: store the CA's present list; or a clock is wrong. %s",
			key, shownTime(list.ThisUpdate), consequence)
	case !now.Before(list.NextUpdate):
		v.find(reasonListExpired, "%s: the CA has promised the next revocation list for %s, and this one is in force no longer. Clients of that CA are refused, unless a crlGrace lets them in for a while. To mend it: store the CA's present list; no restart is needed.",
			key, shownTime(list.NextUpdate))
	}
}

var errNotPEM = errors.New("it is PEM that is damaged or cut short")

// listsIn returns the lists in data, which is one in DER or any number in PEM; none
// if it holds other things. Those before an error are returned with it.
func listsIn(data []byte) (lists []*certs.CRL, err error) {
	begin := []byte("-----BEGIN ")
	if !bytes.Contains(data, begin) {
		return listIn(data)
	}
	block, rest := pem.Decode(data)
	for ; block != nil; block, rest = pem.Decode(rest) {
		if block.Type != listBlock {
			continue
		}
		list, err := certs.ParseCRL(block.Bytes)
		if err != nil {
			return lists, fmt.Errorf("list %d in it: %w", len(lists)+1, err)
		}
		lists = append(lists, list)
	}
	if bytes.Contains(rest, begin) {
		return lists, errNotPEM
	}
	return lists, nil
}

// listIn returns the list that is data in DER, or none if that is a certificate.
func listIn(data []byte) ([]*certs.CRL, error) {
	if _, err := x509.ParseCertificate(data); err == nil {
		return nil, nil
	}
	list, err := certs.ParseCRL(data)
	if err != nil {
		return nil, err
	}
	return []*certs.CRL{list}, nil
}

// reasonOfList maps the error of a list to a reason.
func reasonOfList(err error) string {
	if problem, ok := errors.AsType[*certs.CRLError](err); !ok || problem.Code == certs.CodeCRLMalformed {
		return reasonNotParsable
	}
	return reasonNotUsable
}
