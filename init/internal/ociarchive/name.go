package ociarchive

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ownRegistry is that of the node's own images, which no archive may replace.
const ownRegistry = "kios.invalid/"

// Name is a reference to an image, with everything that people leave out (distribution/reference, normalize.go).
// packages/host-api/vectors/image-names.json binds it and os/src/build/preload/name.ts.
type Name struct {
	Repository string `json:"repository"` // registry and path, such as docker.io/library/busybox
	Tag        string `json:"tag,omitempty"`
	Digest     string `json:"digest,omitempty"`
}

// reference is compiled only where there is an archive.
func reference() *regexp.Regexp {
	const part = `[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*`
	const host = `(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d+)?`
	return regexp.MustCompile(`^(?:(` + host + `)/)?(` + part + `(?:/` + part + `)*)(?::(\w[\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`)
}

// ParseName reads a reference as kubelet does: without a tag and a digest it means "latest".
func ParseName(text string) (Name, error) {
	found := reference().FindStringSubmatch(text)
	if found == nil {
		return Name{}, fmt.Errorf("%q is no reference to an image", text)
	}
	name := Name{repositoryOf(found[1], found[2]), found[3], found[4]}
	if strings.HasPrefix(name.Repository, ownRegistry) {
		return Name{}, fmt.Errorf("%s: names below %s are those of the node's own images", text, ownRegistry)
	}
	if name.Tag == "" && name.Digest == "" {
		name.Tag = "latest"
	}
	return name, nil
}

func repositoryOf(host, path string) string {
	// The first part of a reference is a host only if it cannot be a folder of Docker Hub.
	isHost := host == "localhost" || strings.ContainsAny(host, ".:[ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	if host != "" && !isHost {
		host, path = "", host+"/"+path
	}
	switch {
	case host != "" && host != "docker.io" && host != "index.docker.io":
		return host + "/" + path
	case strings.Contains(path, "/"):
		return "docker.io/" + path
	}
	return "docker.io/library/" + path
}

// In returns the names under which containerd's CRI plugin looks the image up that has this digest. It drops the tag of
// a reference that also has a digest.
func (n Name) In(digest string) []string {
	byDigest := n.Repository + "@" + digest
	if n.Digest != "" || n.Tag == "" {
		return []string{byDigest}
	}
	return []string{n.Repository + ":" + n.Tag, byDigest}
}

// Written returns the ways to write the repository in a pod: those of Docker Hub may lack what a lookup adds.
func (n Name) Written() []string {
	path, ofHub := strings.CutPrefix(n.Repository, "docker.io/")
	if !ofHub {
		return []string{n.Repository}
	}
	forms := []string{n.Repository, path}
	if short, official := strings.CutPrefix(path, "library/"); official && short != "" {
		forms = append(forms, "docker.io/"+short, short)
	}
	return slices.Compact(forms)
}
