package source

import (
	"bytes"
	"path"
	"regexp"
	"strings"
)

// secretNames are patterns of the names of files that commonly hold secrets.
var secretNames = []string{
	".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx",
	"id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*credentials*", "*secret", "*secret.*", "*secrets", "*secrets.*",
	".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass", ".htpasswd", ".git-credentials", "kubeconfig",
	"token", ".token", "*.token", "token.txt", "token.json", "*[_\\-]token", "*[_\\-]token.txt", "*[_\\-]token.json",
}

// A secretForm is how a kind of secret looks: a fixed beginning, and what follows it.
type secretForm struct {
	kind   string
	prefix string
	rest   *regexp.Regexp
}

func forms(kind, rest string, prefixes ...string) []secretForm {
	var out []secretForm
	for _, p := range prefixes {
		out = append(out, secretForm{kind, p, regexp.MustCompile(`^(?:` + rest + `)`)})
	}
	return out
}

// secretForms is not one pattern, because looking for fixed text is many times as fast.
var secretForms = [][]secretForm{
	forms("a private key", `[A-Z0-9 ]*PRIVATE KEY`, "-----BEGIN "),
	forms("an AWS key", `[0-9A-Z]{16}\b`, "AKIA", "ASIA"),
	forms("a GitHub token", `[A-Za-z0-9]{36}`, "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
	forms("a GitHub token", `[A-Za-z0-9_]{22}`, "github_pat_"),
	forms("a GitLab token", `[\w-]{20}`, "glpat-"),
	forms("an API key", `(?:[a-z0-9]+-){0,2}[A-Za-z0-9_]{20}`, "sk-"),
	forms("an API key", `[0-9A-Za-z]{20}`, "sk_live_", "rk_live_"),
	forms("a Hugging Face token", `[A-Za-z0-9]{30}`, "hf_"),
	forms("a Slack token", `[0-9A-Za-z-]{10}`, "xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-"),
	forms("a Google key", `[0-9A-Za-z_-]{35}`, "AIza"),
	forms("an npm token", `[A-Za-z0-9]{36}`, "npm_"),
	forms("a PyPI token", `[A-Za-z0-9_-]{50}`, "pypi-"),
	forms("a signed token", `[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10}`, "eyJ"),
}

// secretName reports whether a file of this name commonly holds secrets. Go files are code whatever
// their name is.
func secretName(name string) bool {
	base := strings.ToLower(path.Base(name))
	if strings.HasSuffix(base, ".go") {
		return false
	}
	for _, sample := range []string{".example", ".sample", ".template", ".pub"} {
		if strings.HasSuffix(base, sample) {
			return false
		}
	}
	for _, pattern := range secretNames {
		if ok, _ := path.Match(pattern, base); ok { // the patterns are good, a test reads them all
			return true
		}
	}
	return false
}

// Secret returns what kind of secret a text seems to hold, or "".
func Secret(text string) string { return secretIn([]byte(text)) }

// secretIn returns what kind of secret content seems to hold, or "".
func secretIn(content []byte) string {
	for _, group := range secretForms {
		for _, form := range group {
			if form.in(content) {
				return form.kind
			}
		}
	}
	return ""
}

func (f secretForm) in(content []byte) bool {
	prefix := []byte(f.prefix)
	for at := 0; ; {
		i := bytes.Index(content[at:], prefix)
		if i < 0 {
			return false
		}
		start := at + i
		at = start + len(prefix)
		if (start == 0 || !wordByte(content[start-1])) && f.rest.Match(content[at:min(at+4096, len(content))]) {
			return true
		}
	}
}

func wordByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
}
