package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Kinds of faults of the form, beside those of Kubernetes' validation.
const (
	unknownField = "UnknownField" // Detail names the known fields
	wrongType    = "WrongType"    // Detail names the type
)

// former finds what does not fit into a type.
type former struct {
	faults []fault
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// fit returns the value without the parts that do not fit into the type, and notes a fault for each of them.
func (f *former) fit(value any, t reflect.Type, path string) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if value == nil {
		return nil
	}
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return f.leaf(value, t, path)
	}
	switch t.Kind() {
	case reflect.Struct:
		return f.object(value, t, path)
	case reflect.Map:
		return f.table(value, t, path)
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 {
			return f.list(value, t, path)
		}
	}
	return f.leaf(value, t, path)
}

func (f *former) wrong(path string, value any, want string) any {
	f.faults = append(f.faults, fault{path, wrongType, value, want})
	return nil
}

func (f *former) leaf(value any, t reflect.Type, path string) any {
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, reflect.New(t).Interface())
	}
	if err == nil {
		return value
	}
	if t.Kind() == reflect.Struct || t.Kind() == reflect.Slice {
		return f.wrong(path, value, strings.ToLower(t.Name()))
	}
	return f.wrong(path, value, t.Kind().String())
}

func (f *former) list(value any, t reflect.Type, path string) any {
	list, ok := value.([]any)
	if !ok {
		return f.wrong(path, value, "list")
	}
	for i, item := range list {
		if list[i] = f.fit(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); list[i] == nil && t.Elem().Kind() == reflect.Struct {
			list[i] = map[string]any{} // the places of the others stay
		}
	}
	return list
}

func (f *former) table(value any, t reflect.Type, path string) any {
	table, ok := value.(map[string]any)
	if !ok {
		return f.wrong(path, value, "object")
	}
	for _, key := range sorted(table) {
		if table[key] = f.fit(table[key], t.Elem(), path+"["+key+"]"); table[key] == nil {
			delete(table, key)
		}
	}
	return table
}

func (f *former) object(value any, t reflect.Type, path string) any {
	object, ok := value.(map[string]any)
	if !ok {
		return f.wrong(path, value, "object")
	}
	known := fields(t)
	for _, name := range sorted(object) {
		at := strings.TrimPrefix(path+"."+name, ".")
		fieldType, isKnown := known[name]
		if !isKnown {
			f.faults = append(f.faults, fault{at, unknownField, nil, strings.Join(sorted(known), " ")})
			delete(object, name)
		} else if object[name] = f.fit(object[name], fieldType, at); object[name] == nil {
			delete(object, name)
		}
	}
	return object
}

// fields returns the types of a struct's fields by their names in JSON.
func fields(t reflect.Type) map[string]reflect.Type {
	known := map[string]reflect.Type{}
	for i := range t.NumField() {
		one := t.Field(i)
		name, _, _ := strings.Cut(one.Tag.Get("json"), ",")
		switch {
		case name == "" && one.Anonymous:
			for inner, innerType := range fields(one.Type) {
				known[inner] = innerType
			}
		case name != "" && name != "-":
			known[name] = one.Type
		}
	}
	return known
}

func sorted[T any](table map[string]T) []string {
	var keys []string
	for key := range table {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
