// Oracle asks Prometheus' own engine, so that ours can be compared with it.
//
// It reads one JSON document from standard input: series in the test language, and queries with
// their moments in milliseconds. It prints one JSON document with an answer for each query, in the
// same order. Numbers are strings, since JSON knows neither NaN nor infinities.
//
// `oracle bench` measures instead (bench.go), `oracle rules` evaluates rules (rules.go).
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/teststorage"
)

type request struct {
	GapMs        int64    `json:"gap_ms"`
	Series       []string `json:"series"`
	Queries      []query  `json:"queries"`
	DelayedNames bool     `json:"delayed_names"`
}

// A query is instant if its step is zero.
type query struct {
	Text  string `json:"text"`
	Start int64  `json:"start"`
	End   int64  `json:"end"`
	Step  int64  `json:"step"`
}

type series struct {
	Labels     map[string]string `json:"labels"`
	Floats     [][2]string       `json:"floats"`
	Histograms [][2]string       `json:"histograms"`
}

type answer struct {
	Error    string   `json:"error,omitempty"`
	Text     string   `json:"text,omitempty"`
	Series   []series `json:"series"`
	Warnings []string `json:"warnings"`
	Infos    []string `json:"infos"`
}

var options = parser.Options{
	EnableExperimentalFunctions:  true,
	ExperimentalDurationExpr:     true,
	EnableExtendedRangeSelectors: true,
	EnableBinopFillModifiers:     true,
}

func load(db storage.Storage, asked request) error {
	app := db.AppenderV2(context.Background())
	for _, line := range asked.Series {
		metric, values, err := parser.NewParser(options).ParseSeriesDesc(line)
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		for i, value := range values {
			if value.Omitted {
				continue
			}
			t := int64(i) * asked.GapMs
			var h *histogram.FloatHistogram
			if value.Histogram != nil {
				h = value.Histogram.Copy()
			}
			if _, err := app.Append(0, metric, 0, t, value.Value, nil, h, storage.AppendV2Options{}); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
		}
	}
	return app.Commit()
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func at(t int64) string { return strconv.FormatInt(t, 10) }

func one(s *series, t int64, f float64, h *histogram.FloatHistogram) {
	if h != nil {
		s.Histograms = append(s.Histograms, [2]string{at(t), h.String()})
		return
	}
	s.Floats = append(s.Floats, [2]string{at(t), number(f)})
}

func collect(value parser.Value) (found []series, text string) {
	switch v := value.(type) {
	case promql.Matrix:
		for _, each := range v {
			s := series{Labels: each.Metric.Map()}
			for _, p := range each.Floats {
				one(&s, p.T, p.F, nil)
			}
			for _, p := range each.Histograms {
				one(&s, p.T, 0, p.H)
			}
			found = append(found, s)
		}
	case promql.Vector:
		for _, each := range v {
			s := series{Labels: each.Metric.Map()}
			one(&s, each.T, each.F, each.H)
			found = append(found, s)
		}
	case promql.Scalar:
		s := series{Labels: map[string]string{}}
		one(&s, v.T, v.V, nil)
		found = append(found, s)
	case promql.String:
		text = v.V
	}
	return found, text
}

func ask(engine *promql.Engine, db storage.Storage, q query) answer {
	ctx := context.Background()
	var (
		asked promql.Query
		err   error
	)
	start, end := time.UnixMilli(q.Start), time.UnixMilli(q.End)
	if q.Step == 0 {
		asked, err = engine.NewInstantQuery(ctx, db, nil, q.Text, start)
	} else {
		step := time.Duration(q.Step) * time.Millisecond
		asked, err = engine.NewRangeQuery(ctx, db, nil, q.Text, start, end, step)
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	defer asked.Close()
	result := asked.Exec(ctx)
	if result.Err != nil {
		return answer{Error: result.Err.Error()}
	}
	var given answer
	given.Series, given.Text = collect(result.Value)
	given.Warnings, given.Infos = result.Warnings.AsStrings(q.Text, 0, 0)
	return given
}

func run() error {
	var asked request
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	db, err := teststorage.NewWithError(func(o *tsdb.Options) {
		o.EnableSTStorage = true
		o.FloatChunkEncoding = chunkenc.EncXOR2
		o.EnableHistogramSTEncoding = true
	})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := load(db, asked); err != nil {
		return err
	}
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples:               50_000_000,
		Timeout:                  100 * time.Second,
		NoStepSubqueryIntervalFn: func(int64) int64 { return 60_000 },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		EnableDelayedNameRemoval: asked.DelayedNames,
		UseStartTimestamps:       true,
		Parser:                   parser.NewParser(options),
	})
	answers := make([]answer, 0, len(asked.Queries))
	for _, q := range asked.Queries {
		answers = append(answers, ask(engine, db, q))
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func main() {
	work := run
	if len(os.Args) == 4 && os.Args[1] == "bench" {
		work = func() error { return bench(os.Args[2], os.Args[3]) }
	}
	if len(os.Args) == 2 && os.Args[1] == "rules" {
		work = ruleRun
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
