package pjrt

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// The public package index: its simple API and its JSON API.
const (
	publicSimple = "https://pypi.org/simple"
	publicJSON   = "https://pypi.org/pypi"
)

// maxPage bounds the page of a project.
const maxPage = 32 << 20

// pipConfig is what pip has been told and this package follows.
type pipConfig struct {
	index string   // URL of a simple API; "" for the public one
	links []string // local folders of wheels
	cert  string   // file of certificates
}

// locate returns the URL of the wheel: from the simple API that pip is configured for, or from the
// public index.
func (w wheel) locate(ctx context.Context, client *http.Client, conf pipConfig) (string, error) {
	pages := []string{strings.TrimSuffix(conf.index, "/") + "/" + w.project + "/"}
	if conf.index == "" {
		pages = []string{
			publicSimple + "/" + w.project + "/",
			publicJSON + "/" + w.project + "/" + w.version + "/json",
			publicJSON + "/" + w.project + "/json",
		}
	}
	var all error
	for _, page := range pages {
		found, err := w.locateOn(ctx, client, page)
		if err == nil {
			return found, nil
		}
		if all = errors.Join(all, err); ctx.Err() != nil {
			break
		}
	}
	return "", all
}

// locateOn finds the wheel on one page of an index.
func (w wheel) locateOn(ctx context.Context, client *http.Client, page string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", "application/vnd.pypi.simple.v1+json, application/json;q=0.9, text/html;q=0.5")
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s", page, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	if err != nil {
		return "", err
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	links, err := linksOf(kind, body)
	if err != nil {
		return "", fmt.Errorf("%s: %w", page, err)
	}
	for _, link := range links {
		// Links are often relative: to the page as it was found after redirects.
		u, err := resp.Request.URL.Parse(link)
		if err == nil && path.Base(u.Path) == w.file {
			u.Fragment = ""
			return u.String(), nil
		}
	}
	return "", fmt.Errorf("%s does not list %s", page, w.file)
}

// href finds the links of an HTML page.
var href = regexp.MustCompile(`(?is)<a\s[^>]*?href\s*=\s*(?:"([^"]*)"|'([^']*)')`)

// linksOf lists the links to files on a page of an index, as they stand there. A page is the HTML or
// JSON of a simple API, or the JSON API's description of a project.
func linksOf(kind string, page []byte) ([]string, error) {
	var links []string
	if !strings.HasSuffix(kind, "json") {
		for _, m := range href.FindAllSubmatch(page, -1) {
			links = append(links, html.UnescapeString(string(m[1])+string(m[2])))
		}
		return links, nil
	}
	type file struct{ URL string }
	var project struct {
		Files    []file            // simple API
		URLs     []file            // JSON API
		Releases map[string][]file // JSON API
	}
	if err := json.Unmarshal(page, &project); err != nil {
		return nil, err
	}
	for _, f := range append(project.Files, project.URLs...) {
		links = append(links, f.URL)
	}
	for _, release := range project.Releases {
		for _, f := range release {
			links = append(links, f.URL)
		}
	}
	return links, nil
}

// readPipConfig reads what pip would follow: its environment variables before its files.
func readPipConfig() pipConfig {
	settings := map[string]string{}
	for _, name := range pipFiles() {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		parseINI(f, settings)
		f.Close()
	}
	for key, variable := range map[string]string{"index-url": "PIP_INDEX_URL", "find-links": "PIP_FIND_LINKS", "cert": "PIP_CERT"} {
		if v := os.Getenv(variable); v != "" {
			settings[key] = v
		}
	}
	conf := pipConfig{index: settings["index-url"], cert: settings["cert"]}
	for _, link := range strings.Fields(settings["find-links"]) {
		if u, err := url.Parse(link); err == nil && u.Scheme == "file" {
			link = u.Path
		}
		if filepath.IsAbs(link) {
			conf.links = append(conf.links, link)
		}
	}
	return conf
}

// pipFiles lists pip's files of settings; later ones count more.
func pipFiles() []string {
	files := []string{"/etc/pip.conf"}
	if user, err := os.UserHomeDir(); err == nil {
		files = append(files, filepath.Join(user, ".pip", "pip.conf"))
	}
	if dir, err := os.UserConfigDir(); err == nil {
		files = append(files, filepath.Join(dir, "pip", "pip.conf"))
	}
	if env := os.Getenv("VIRTUAL_ENV"); env != "" {
		files = append(files, filepath.Join(env, "pip.conf"))
	}
	if f := os.Getenv("PIP_CONFIG_FILE"); f != "" {
		files = append(files, f)
	}
	return files
}

// parseINI adds the settings of the sections global and install to settings. Lines that begin with a
// space continue the one before.
func parseINI(r io.Reader, settings map[string]string) {
	section, key := "", ""
	for lines := bufio.NewScanner(r); lines.Scan(); {
		line := lines.Text()
		text := strings.TrimSpace(line)
		switch {
		case text == "" || text[0] == '#' || text[0] == ';':
			continue
		case text[0] == '[':
			section, key = strings.Trim(text, "[]"), ""
			continue
		case section != "global" && section != "install":
			continue
		case key != "" && line[0] != text[0]:
			settings[key] += " " + text
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			name, value, ok = strings.Cut(text, ":")
		}
		if ok {
			key = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
			settings[key] = strings.TrimSpace(value)
		}
	}
}
