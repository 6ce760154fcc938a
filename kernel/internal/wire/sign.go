package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"sync"
)

// A Key signs messages and checks signatures. The zero Key does neither, as the protocol has it.
type Key struct {
	macs *sync.Pool // of hash.Hash: to make one costs more than to sign a small message
}

// KeyOf returns the key of a secret; "" is no key.
func KeyOf(secret string) Key {
	if secret == "" {
		return Key{}
	}
	return Key{&sync.Pool{New: func() any { return hmac.New(sha256.New, []byte(secret)) }}}
}

// NewKey checks the scheme of a connection file and returns its key.
func NewKey(scheme, key string) (Key, error) {
	if key != "" && scheme != "" && scheme != "hmac-sha256" {
		return Key{}, fmt.Errorf("wire: signature scheme %q is not supported; hmac-sha256 is", scheme)
	}
	return KeyOf(key), nil
}

// Signs says whether k is a key.
func (k Key) Signs() bool { return k.macs != nil }

// sign returns the hexadecimal signature of the four parts of a message.
func (k Key) sign(parts [][]byte) []byte {
	if !k.Signs() {
		return nil
	}
	mac := k.macs.Get().(hash.Hash)
	defer k.macs.Put(mac)
	mac.Reset()
	for _, p := range parts {
		mac.Write(p)
	}
	var sum [sha256.Size]byte
	return hex.AppendEncode(nil, mac.Sum(sum[:0]))
}

// verify says whether signature is that of parts.
func (k Key) verify(signature []byte, parts [][]byte) bool {
	return !k.Signs() || hmac.Equal(signature, k.sign(parts))
}
