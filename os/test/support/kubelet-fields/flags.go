package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/spf13/pflag"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	conversion "k8s.io/kubernetes/pkg/kubelet/apis/config/v1beta1"
)

// trials are values of which every flag that is a field takes one, and then has another value than by default.
var trials = []string{
	"true", "false", "7", "7s", "192.0.2.7", "a=7", "a=true", "a<7", "a:7", "a=7:NoSchedule", "0:memory=7Mi", "text",
}

// flagFields returns the field that each flag of kubelet sets, and nothing for one that sets none. It finds out by
// setting the flag.
func flagFields(types map[string]any) (map[string]string, error) {
	all := map[string]string{}
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	options.NewKubeletFlags().AddFlags(own)
	own.VisitAll(func(flag *pflag.Flag) { all[flag.Name] = "" })
	_, settings, err := fresh()
	if err != nil {
		return nil, err
	}
	var failed error
	settings.VisitAll(func(flag *pflag.Flag) {
		path, err := fieldOf(flag.Name, types)
		if err != nil {
			failed = err
		}
		all[flag.Name] = path
	})
	return all, failed
}

// fresh returns the default configuration, and flags that set it.
func fresh() (*kubeletconfig.KubeletConfiguration, *pflag.FlagSet, error) {
	config, err := options.NewKubeletConfiguration()
	if err != nil {
		return nil, nil, err
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	options.AddKubeletConfigFlags(flags, config)
	return config, flags, nil
}

func fieldOf(flag string, types map[string]any) (string, error) {
	for _, value := range trials {
		config, flags, err := fresh()
		if err != nil {
			return "", err
		}
		before, err := asJSON(config)
		if err != nil {
			return "", err
		}
		if flags.Lookup(flag).Value.Set(value) != nil {
			continue
		}
		after, err := asJSON(config)
		if err != nil {
			return "", err
		}
		if path := changed(before, after, types); path != "" {
			return path, nil
		}
	}
	return "", fmt.Errorf("no trial changes a field by --%s", flag)
}

// asJSON returns a configuration as it is written in files.
func asJSON(config *kubeletconfig.KubeletConfiguration) (map[string]any, error) {
	versioned := kubeletv1beta1.KubeletConfiguration{}
	if err := conversion.Convert_config_KubeletConfiguration_To_v1beta1_KubeletConfiguration(config, &versioned, nil); err != nil {
		return nil, err
	}
	text, err := json.Marshal(versioned)
	if err != nil {
		return nil, err
	}
	value := map[string]any{}
	return value, json.Unmarshal(text, &value)
}

// changed returns the path of the field that differs.
func changed(before, after, types map[string]any) string {
	for _, name := range sorted(types) {
		if reflect.DeepEqual(before[name], after[name]) {
			continue
		}
		inner, isStruct := types[name].(map[string]any)
		if _, isMap := inner[everyKey]; !isStruct || isMap {
			return name
		}
		was, _ := before[name].(map[string]any)
		is, _ := after[name].(map[string]any)
		return name + "." + changed(was, is, inner)
	}
	return ""
}

func sorted(table map[string]any) []string {
	var keys []string
	for key := range table {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
