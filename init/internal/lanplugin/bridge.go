package lanplugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"kios.dev/init/internal/cni"
)

// mustBridge fails without the host's bridge: upstream's plugin would make one of that name, which has no uplink and
// keeps the agent from making its own.
func (p *Plugin) mustBridge(name string) error {
	if _, err := os.Stat(filepath.Join(p.Sys, name, "bridge")); err != nil {
		return cni.Fail(cni.CodeLater, fmt.Errorf("the host has no bridge %s now", name))
	}
	return nil
}

// bypass lets frames that only cross a bridge pass the host's packet filter by. The kernel has that setting for all
// bridges together: a bridge's own can only turn the filter on. So a network says it when no other needs the filter.
func (p *Plugin) bypass(filter *bool) {
	if filter == nil || *filter {
		return
	}
	for _, name := range []string{"arptables", "ip6tables", "iptables"} {
		set(filepath.Join(p.Bridge, "bridge-nf-call-"+name), "0")
	}
}

// believe restores how the host takes router announcements on its bridge, which upstream's plugin turns off for every
// pod that is added: the host's own IPv6 address may come from them.
func (p *Plugin) believe(bridge string, value *int) {
	if value != nil {
		set(filepath.Join(p.Conf, bridge, "accept_ra"), strconv.Itoa(*value))
	}
}

// set changes a setting of the kernel. One that the kernel does not have is as it should be.
func set(file, value string) {
	if text, err := os.ReadFile(file); err != nil || strings.TrimSpace(string(text)) == value {
		return
	}
	if err := os.WriteFile(file, []byte(value), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, CommandName+":", err)
	}
}

func find(name string, folders []string) (string, error) {
	for _, folder := range folders {
		program := filepath.Join(folder, name)
		if info, err := os.Stat(program); err == nil && info.Mode().IsRegular() {
			return program, nil
		}
	}
	return "", cni.Fail(cni.CodeArguments, errors.New("find plugin "+name+" in CNI_PATH"))
}

// run starts another plugin in the environment of this one and returns its output.
func run(program string, stdin []byte) ([]byte, error) {
	cmd := exec.Command(program)
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Stderr = os.Stderr
	return cmd.Output()
}

// passOn returns the error that another plugin wrote.
func passOn(out []byte, err error) error {
	var f cni.Failure
	if json.Unmarshal(out, &f) == nil && f.Code != 0 {
		return &f
	}
	return cni.Fail(cni.CodeRefused, fmt.Errorf("run plugin bridge: %w", err))
}

// portOf returns the port of the bridge that the pod is behind, from the result of bridge.
func portOf(out []byte, bridge string) string {
	var result struct {
		Interfaces []struct{ Name, Sandbox string }
	}
	if json.Unmarshal(out, &result) != nil {
		return ""
	}
	for _, each := range result.Interfaces {
		if each.Sandbox == "" && each.Name != bridge {
			return each.Name
		}
	}
	return ""
}
