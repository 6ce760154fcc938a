package fetch

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// publicIndex is where packages are looked for on a machine that names no other index.
const publicIndex = "https://pypi.org/simple"

// indexURL returns the package index of this machine: the one that pip is told to use, in its
// environment or in its configuration, so that machines behind a mirror need nothing else.
func indexURL() string {
	if u := os.Getenv("PIP_INDEX_URL"); u != "" {
		return u
	}
	for _, file := range pipConfigs() {
		if u := configValue(file, "index-url"); u != "" {
			return u
		}
	}
	return publicIndex
}

// pipConfigs lists pip's configuration files, those that count most first.
func pipConfigs() []string {
	var files []string
	add := func(base string, elem ...string) {
		if base != "" {
			files = append(files, filepath.Join(append([]string{base}, elem...)...))
		}
	}
	add(os.Getenv("PIP_CONFIG_FILE"))
	add(os.Getenv("VIRTUAL_ENV"), "pip.conf")
	home, _ := os.UserHomeDir() // without one there is no file in it
	if dir := os.Getenv("XDG_CONFIG_HOME"); dir != "" {
		add(dir, "pip", "pip.conf")
	} else {
		add(home, ".config", "pip", "pip.conf")
	}
	add(home, ".pip", "pip.conf")
	return append(files, "/etc/xdg/pip/pip.conf", "/etc/pip.conf")
}

// configValue returns a key of an INI file, from the sections [global] and [install] or before any section,
// or "".
func configValue(file, key string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	value, counts := "", true
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			counts = line == "[global]" || line == "[install]"
			continue
		}
		name, text, ok := strings.Cut(line, "=")
		if ok && counts && strings.ReplaceAll(strings.TrimSpace(name), "_", "-") == key {
			value = strings.TrimSpace(text)
		}
	}
	return value
}

// A wheel is a file that an index offers.
type wheel struct {
	url    string
	sha256 string // "" if the index does not tell
}

// findWheel looks up a file of a project at an index that speaks the simple API, as JSON or as HTML.
func findWheel(ctx context.Context, index, project, filename string) (wheel, error) {
	resp, err := get(ctx, strings.TrimRight(index, "/")+"/"+project+"/", "",
		"application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1")
	if err != nil {
		return wheel{}, err
	}
	defer resp.Body.Close()
	at := resp.Request.URL // after redirects: links are relative to it
	if resp.StatusCode != http.StatusOK {
		return wheel{}, fmt.Errorf("package index %s: %s", at.Redacted(), resp.Status)
	}
	page, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return wheel{}, err
	}
	parse := parseHTMLIndex
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		parse = parseJSONIndex
	}
	links, err := parse(page)
	if err != nil {
		return wheel{}, fmt.Errorf("package index %s: %w", at.Redacted(), err)
	}
	w, ok := links[filename]
	if !ok {
		return wheel{}, fmt.Errorf("package index %s: it does not offer %s", at.Redacted(), filename)
	}
	link, err := at.Parse(w.url)
	if err != nil {
		return wheel{}, fmt.Errorf("package index %s: %w", at.Redacted(), err)
	}
	link.Fragment = ""
	if link.User == nil && link.Host == at.Host {
		link.User = at.User // a mirror that asks for a password asks for it at its files too
	}
	w.url = link.String()
	return w, nil
}

// parseJSONIndex reads a project's page in its JSON form.
func parseJSONIndex(page []byte) (map[string]wheel, error) {
	var list struct {
		Files []struct {
			Filename, URL string
			Hashes        map[string]string
		}
	}
	if err := json.Unmarshal(page, &list); err != nil {
		return nil, err
	}
	links := map[string]wheel{}
	for _, f := range list.Files {
		links[f.Filename] = wheel{f.URL, f.Hashes["sha256"]}
	}
	return links, nil
}

var anchor = regexp.MustCompile(`(?is)<a\s[^>]*?href\s*=\s*["']([^"']+)["']`)

// parseHTMLIndex reads a project's page in its HTML form: an anchor for each file, with its digest as
// the fragment of its address.
func parseHTMLIndex(page []byte) (map[string]wheel, error) {
	links := map[string]wheel{}
	for _, match := range anchor.FindAllSubmatch(page, -1) {
		u, err := url.Parse(html.UnescapeString(string(match[1])))
		if err != nil {
			continue
		}
		digest, _ := strings.CutPrefix(u.Fragment, "sha256=")
		if digest == u.Fragment {
			digest = ""
		}
		links[path.Base(u.Path)] = wheel{u.String(), digest}
	}
	return links, nil
}
