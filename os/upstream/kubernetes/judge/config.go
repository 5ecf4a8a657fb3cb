package main

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/apis/config/scheme"
	"k8s.io/kubernetes/pkg/kubelet/apis/config/validation"
)

// refused is a fault that kubelet's own check of a whole configuration names. Detail is its sentence, Path the field of
// those given that makes it so, if one does.
const refused = "Refused"

// settings are fields of a KubeletConfiguration, and those that they go over.
type settings struct {
	Base   map[string]any `json:"base"`
	Fields map[string]any `json:"fields"`
}

// judgeConfig does what kubelet does with a drop-in: merges it, decodes it, adds the defaults and validates it. Kubelet
// passes over an unknown field with a line in its log; here it is a fault.
func judgeConfig(given settings) verdict {
	found := verdict{Faults: []fault{}}
	form := former{}
	kept := form.fit(given.Fields, reflect.TypeFor[kubeletv1beta1.KubeletConfiguration](), "")
	if found.Faults = append(found.Faults, form.faults...); len(found.Faults) > 0 {
		return found
	}
	fields := kept.(map[string]any)
	for _, err := range configRefusals(merged(given.Base, fields)) {
		found.Faults = append(found.Faults, fault{Path: culprit(given.Base, fields, err.Error()), Kind: refused, Detail: err.Error()})
	}
	return found
}

// culprit returns the field without which kubelet does not say a sentence. Of several the one that it names counts.
func culprit(base, fields map[string]any, sentence string) string {
	first := ""
	for _, name := range sorted(fields) {
		without := maps.Clone(fields)
		delete(without, name)
		said := func(err error) bool { return err.Error() == sentence }
		if slices.ContainsFunc(configRefusals(merged(base, without)), said) {
			continue
		}
		if first == "" || strings.Contains(sentence, name) && !strings.Contains(sentence, first) {
			first = name
		}
	}
	return first
}

// merged is merge with copies, which leaves both as they are.
func merged(below, above map[string]any) map[string]any {
	return merge(copied(below).(map[string]any), copied(above).(map[string]any))
}

func copied(value any) any {
	switch value := value.(type) {
	case map[string]any:
		all := make(map[string]any, len(value))
		for key, field := range value {
			all[key] = copied(field)
		}
		return all
	case []any:
		all := make([]any, len(value))
		for i, item := range value {
			all[i] = copied(item)
		}
		return all
	}
	return value
}

// merge returns below with above over it, by RFC 7396 without deletion.
func merge(below, above map[string]any) map[string]any {
	for key, value := range above {
		inner, isMap := value.(map[string]any)
		if old, wasMap := below[key].(map[string]any); isMap && wasMap {
			value = merge(old, inner)
		}
		below[key] = value
	}
	return below
}

func configRefusals(config map[string]any) []error {
	text, err := json.Marshal(config)
	if err != nil {
		return []error{err}
	}
	gates := utilfeature.DefaultFeatureGate.DeepCopy()
	if err := gates.SetFromMap(featureGates(config)); err != nil {
		return []error{err} // the defaults would panic
	}
	_, codecs, err := scheme.NewSchemeAndCodecs()
	if err != nil {
		return []error{err}
	}
	object, _, err := codecs.UniversalDecoder().Decode(text, nil, nil)
	if err != nil {
		return []error{err}
	}
	decoded, ok := object.(*kubeletconfig.KubeletConfiguration)
	if !ok {
		return []error{errors.New("it is no KubeletConfiguration")}
	}
	decoded.FailCgroupV1 = false // that is about the machine, and this is not the node
	err = validation.ValidateKubeletConfiguration(decoded, gates)
	var all utilerrors.Aggregate
	if errors.As(err, &all) {
		return utilerrors.Flatten(all).Errors()
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

func featureGates(config map[string]any) map[string]bool {
	given, _ := config["featureGates"].(map[string]any)
	gates := map[string]bool{}
	for name, value := range given {
		gates[name], _ = value.(bool)
	}
	return gates
}
