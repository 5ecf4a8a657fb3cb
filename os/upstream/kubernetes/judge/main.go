// Judge tells whether kubelet takes manifests of static pods, by kubelet's own code. It reads a JSON list of
// {name, text} from standard input and writes a list of verdicts in the same order. With the argument `config` it reads
// {base, fields} of a KubeletConfiguration, and writes one verdict. It runs on the workstation only.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/kubernetes/pkg/capabilities"
)

// manifest is one file of a folder of static pods.
type manifest struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// verdict is what kubelet makes of a manifest.
type verdict struct {
	// Value is the text as kubelet reads it, or absent where it is neither YAML nor JSON.
	Value json.RawMessage `json:"value,omitempty"`
	// Unreadable is the reader's own sentence about a text that is no pod.
	Unreadable string  `json:"unreadable,omitempty"`
	Faults     []fault `json:"faults"`
	// Refers names an object of the API that a static pod must not refer to. It is set if there is no other fault.
	Refers string `json:"refers,omitempty"`
}

// fault is one place that kubelet refuses. Kind is an ErrorType of k8s.io/apimachinery/pkg/util/validation/field, or
// one of those in form.go.
type fault struct {
	Path   string `json:"path"`
	Kind   string `json:"kind"`
	Value  any    `json:"value,omitempty"`
	Detail string `json:"detail,omitempty"`
}

func run(args []string) error {
	if len(args) > 0 && args[0] == "config" {
		return runConfig()
	}
	var manifests []manifest
	if err := json.NewDecoder(os.Stdin).Decode(&manifests); err != nil {
		return err
	}
	verdicts := []verdict{}
	for _, one := range manifests {
		verdicts = append(verdicts, judge([]byte(one.Text)))
	}
	return json.NewEncoder(os.Stdout).Encode(verdicts)
}

func runConfig() error {
	var given settings
	decoder := json.NewDecoder(os.Stdin)
	decoder.UseNumber()
	if err := decoder.Decode(&given); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(judgeConfig(given))
}

func main() {
	capabilities.Setup(true, 0) // as kubelet's main program does
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
