package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// A Key signs messages and checks signatures. The empty key does neither, as the protocol has it.
type Key []byte

// NewKey checks the scheme of a connection file and returns its key.
func NewKey(scheme, key string) (Key, error) {
	if key != "" && scheme != "" && scheme != "hmac-sha256" {
		return nil, fmt.Errorf("wire: signature scheme %q is not supported; hmac-sha256 is", scheme)
	}
	return Key(key), nil
}

// sign returns the hexadecimal signature of the four parts of a message.
func (k Key) sign(parts [][]byte) string {
	if len(k) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, k)
	for _, p := range parts {
		mac.Write(p)
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// verify says whether signature is that of parts.
func (k Key) verify(signature []byte, parts [][]byte) bool {
	if len(k) == 0 {
		return true
	}
	return hmac.Equal(signature, []byte(k.sign(parts)))
}
