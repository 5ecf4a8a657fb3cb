package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	api "k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/apis/core/helper"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	"k8s.io/kubernetes/pkg/apis/core/validation"
)

// node is a name for the node, which kubelet appends to the pod's.
const node = "node"

// judge does what tryDecodeSinglePod and applyDefaults of k8s.io/kubernetes/pkg/kubelet/config do. Unlike them it goes
// on after what cannot be decoded, so that one fault does not hide the others.
func judge(text []byte) verdict {
	read, err := utilyaml.ToJSON(text)
	if err != nil {
		return verdict{Unreadable: err.Error(), Faults: []fault{}}
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(read))
	decoder.UseNumber() // 64-bit numbers stay what they are
	if err := decoder.Decode(&value); err != nil {
		return verdict{Unreadable: err.Error(), Faults: []fault{}}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return verdict{Unreadable: "more follows the object", Faults: []fault{}}
	}
	found := verdict{Value: read, Faults: []fault{}}
	object, isObject := value.(map[string]any)
	if !isObject || object["apiVersion"] != "v1" || object["kind"] != "Pod" {
		return found // the caller words it
	}
	form := former{}
	kept := form.fit(object, reflect.TypeFor[v1.Pod](), "")
	found.Faults = append(found.Faults, form.faults...)
	pod, err := decode(kept)
	if err != nil {
		found.Unreadable = err.Error()
		return found
	}
	for _, err := range refusals(pod) {
		found.Faults = append(found.Faults, fault{err.Field, string(err.Type), plain(err.BadValue), err.Detail})
	}
	if len(found.Faults) > 0 {
		return found
	}
	if _, found.Refers, err = podutil.HasAPIObjectReference(pod); err != nil {
		found.Unreadable = err.Error()
	}
	return found
}

func decode(object any) (*api.Pod, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	pod := &api.Pod{}
	return pod, runtime.DecodeInto(legacyscheme.Codecs.UniversalDecoder(), text, pod)
}

func refusals(pod *api.Pod) field.ErrorList {
	if pod.Name == "" {
		return field.ErrorList{field.Required(field.NewPath("metadata", "name"), "")}
	}
	pod.UID = "0"
	pod.Name += "-" + node
	if pod.Namespace == "" {
		pod.Namespace = "default"
	}
	pod.Spec.NodeName = node
	helper.AddOrUpdateTolerationInPod(pod, &api.Toleration{Operator: "Exists", Effect: api.TaintEffectNoExecute})
	pod.Status.Phase = api.PodPending
	options := podutil.GetValidationOptionsFromPodSpecAndMeta(&pod.Spec, nil, &pod.ObjectMeta, nil)
	return validation.ValidatePodCreate(pod, options)
}

// plain returns a value as far as JSON has it: objects of the API's internal form have no JSON.
func plain(value any) any {
	switch reflect.ValueOf(value).Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Float64:
		return value
	}
	return nil
}
