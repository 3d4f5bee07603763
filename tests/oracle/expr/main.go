// The oracle of the expression corpus: what expr-lang, sprig and govaluate themselves answer.
//
// Run by hand in this folder (needs Go and the module proxy); see README.md.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/Masterminds/sprig/v3"
	"github.com/casbin/govaluate"
	"github.com/expr-lang/expr"
)

type answer struct {
	Expression string  `json:"expression"`
	Error      string  `json:"error,omitempty"`
	Type       string  `json:"type,omitempty"`
	Text       *string `json:"text,omitempty"`
	JSON       *string `json:"json,omitempty"`
}

func say(expression string, value any, err error) answer {
	if err != nil {
		return answer{Expression: expression, Error: err.Error()}
	}
	text := fmt.Sprintf("%v", value)
	result := answer{Expression: expression, Type: fmt.Sprintf("%T", value), Text: &text}
	if encoded, err := json.Marshal(value); err == nil {
		encodedText := string(encoded)
		result.JSON = &encodedText
	}
	return result
}

func environment() map[string]any {
	env := map[string]any{}
	raw, err := os.ReadFile("../../unit/expr/corpus/environment.json")
	if err == nil {
		err = json.Unmarshal(raw, &env)
	}
	if err != nil {
		panic(err)
	}
	functions := sprig.GenericFuncMap()
	delete(functions, "env")
	delete(functions, "expandenv")
	env["sprig"] = functions
	env["asInt"] = func(value any) (int, error) {
		result, err := expr.Eval("int(v)", map[string]any{"v": value})
		if err != nil {
			return 0, err
		}
		return result.(int), nil
	}
	env["asFloat"] = func(value any) (float64, error) {
		result, err := expr.Eval("float(v)", map[string]any{"v": value})
		if err != nil {
			return 0, err
		}
		return result.(float64), nil
	}
	env["toJson"] = func(value any) (string, error) {
		encoded, err := json.Marshal(value)
		return string(encoded), err
	}
	return env
}

func evaluate(expression string, env map[string]any) (result any, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%v", cause)
		}
	}()
	program, err := expr.Compile(expression, expr.Env(env), expr.AllowUndefinedVariables())
	if err != nil {
		return nil, err
	}
	return expr.Run(program, env)
}

func decide(condition string) (result any, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%v", cause)
		}
	}()
	parsed, err := govaluate.NewEvaluableExpression(condition)
	if err != nil {
		if strings.Contains(err.Error(), "Invalid token") {
			return nil, fmt.Errorf("Invalid 'when' expression '%s': %v (hint: try wrapping the affected expression in quotes (\"))", condition, err)
		}
		return nil, fmt.Errorf("Invalid 'when' expression '%s': %v", condition, err)
	}
	parameters := map[string]any{}
	for _, token := range parsed.Tokens() {
		if token.Kind == govaluate.VARIABLE {
			name := token.Value.(string)
			parameters[name] = name
		}
	}
	value, err := parsed.Evaluate(parameters)
	if err != nil {
		return nil, fmt.Errorf("Failed to evaluate 'when' expresion '%s': %v", condition, err)
	}
	return value, nil
}

func main() {
	env := environment()
	questions := []answer{}
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		panic(err)
	}
	answers := []answer{}
	for _, question := range questions {
		text := question.Expression
		var value any
		var err error
		if os.Args[1] == "when" {
			value, err = decide(text)
		} else {
			value, err = evaluate(text, env)
		}
		answers = append(answers, say(text, value, err))
	}
	output := json.NewEncoder(os.Stdout)
	output.SetEscapeHTML(false)
	output.SetIndent("", " ")
	if err := output.Encode(answers); err != nil {
		panic(err)
	}
}
