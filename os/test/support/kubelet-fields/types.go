package main

import (
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	logsapi "k8s.io/component-base/logs/api/v1"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// words are the types that read JSON in their own way.
var words = map[reflect.Type]string{
	reflect.TypeFor[metav1.Duration]():            "duration",
	reflect.TypeFor[metav1.Time]():                "time",
	reflect.TypeFor[resource.Quantity]():          "quantity",
	reflect.TypeFor[resource.QuantityValue]():     "quantity",
	reflect.TypeFor[logsapi.TimeOrMetaDuration](): "durationOrInt64",
}

// everyKey stands for the keys of a map, which are free.
const everyKey = "*"

// fieldTypes returns the types of the fields of a KubeletConfiguration.
func fieldTypes() map[string]any {
	return structOf(reflect.TypeFor[kubeletv1beta1.KubeletConfiguration]())
}

func typeOf(t reflect.Type) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if word, isKnown := words[t]; isKnown {
		return word
	}
	switch t.Kind() {
	case reflect.Struct:
		return structOf(t)
	case reflect.Map:
		return map[string]any{everyKey: typeOf(t.Elem())}
	case reflect.Slice:
		return []any{typeOf(t.Elem())}
	}
	return t.Kind().String()
}

// structOf returns the types of a struct's fields by their names in JSON.
func structOf(t reflect.Type) map[string]any {
	all := map[string]any{}
	for i := range t.NumField() {
		one := t.Field(i)
		name, _, _ := strings.Cut(one.Tag.Get("json"), ",")
		switch {
		case name == "" && one.Anonymous:
			for inner, innerType := range structOf(one.Type) {
				all[inner] = innerType
			}
		case name != "" && name != "-":
			all[name] = typeOf(one.Type)
		}
	}
	return all
}
