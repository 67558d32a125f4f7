package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// `oracle bench FILE FOLDER` stores samples in Prometheus' own database in the folder, asks
// queries, and prints what that cost, as JSON.
//
// The file is a line of JSON, then the samples: for each moment its milliseconds and one value for
// each series, eight bytes each, little-endian.
type benchHead struct {
	Series  []map[string]string `json:"series"`
	Moments int                 `json:"moments"`
	Step    int64               `json:"step"`
	Queries []query             `json:"queries"`
	Repeats int                 `json:"repeats"`
}

type benchFigures struct {
	IngestSeconds float64 `json:"ingest_seconds"`
	// With everything in blocks, as it is after compaction.
	CompactSeconds float64   `json:"compact_seconds"`
	Bytes          int64     `json:"bytes"`
	IndexBytes     int64     `json:"index_bytes"`
	QuerySeconds   []float64 `json:"query_seconds"`
	// What each query gave, so that both sides can be held against each other.
	Sums     []float64 `json:"sums"`
	PeakKilo int64     `json:"peak_kilobytes"`
}

func benchFill(db *tsdb.DB, in io.Reader, head benchHead) error {
	sets := make([]labels.Labels, len(head.Series))
	for i, each := range head.Series {
		sets[i] = labels.FromMap(each)
	}
	refs := make([]storage.SeriesRef, len(sets))
	row := make([]byte, 8*(len(sets)+1))
	for n := 0; n < head.Moments; n++ {
		if _, err := io.ReadFull(in, row); err != nil {
			return err
		}
		at := int64(binary.LittleEndian.Uint64(row))
		app := db.Appender(context.Background())
		for i := range sets {
			value := math.Float64frombits(binary.LittleEndian.Uint64(row[8*(i+1):]))
			ref, err := app.Append(refs[i], sets[i], at, value)
			if err != nil {
				return err
			}
			refs[i] = ref
		}
		if err := app.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// The bytes of all blocks, and of their indexes.
func benchBytes(folder string) (all, index int64, err error) {
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, _ := filepath.Rel(folder, path)
		switch top, _, _ := strings.Cut(relative, string(filepath.Separator)); top {
		case "wal", "wbl", "chunks_head", "lock":
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		all += info.Size()
		if entry.Name() == "index" {
			index += info.Size()
		}
		return nil
	})
	return all, index, err
}

func benchSum(value parser.Value) float64 {
	sum := 0.0
	switch v := value.(type) {
	case promql.Matrix:
		for _, each := range v {
			for _, p := range each.Floats {
				if !math.IsNaN(p.F) {
					sum += p.F
				}
			}
		}
	case promql.Vector:
		for _, each := range v {
			if !math.IsNaN(each.F) {
				sum += each.F
			}
		}
	}
	return sum
}

func benchAsk(engine *promql.Engine, db storage.Queryable, q query) (float64, float64, error) {
	began := time.Now()
	var (
		asked promql.Query
		err   error
	)
	ctx := context.Background()
	start, end := time.UnixMilli(q.Start), time.UnixMilli(q.End)
	if q.Step == 0 {
		asked, err = engine.NewInstantQuery(ctx, db, nil, q.Text, start)
	} else {
		asked, err = engine.NewRangeQuery(ctx, db, nil, q.Text, start, end, time.Duration(q.Step)*time.Millisecond)
	}
	if err != nil {
		return 0, 0, err
	}
	defer asked.Close()
	result := asked.Exec(ctx)
	if result.Err != nil {
		return 0, 0, fmt.Errorf("%s: %w", q.Text, result.Err)
	}
	return time.Since(began).Seconds(), benchSum(result.Value), nil
}

func peakKilobytes() int64 {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var peak int64
		if n, _ := fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &peak); n == 1 {
			return peak
		}
	}
	return 0
}

func bench(file, folder string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	buffered := bufio.NewReaderSize(in, 1<<20)
	line, err := buffered.ReadBytes('\n')
	if err != nil {
		return err
	}
	var head benchHead
	if err := json.Unmarshal(line, &head); err != nil {
		return err
	}
	options := tsdb.DefaultOptions()
	options.RetentionDuration = 400 * 24 * time.Hour.Milliseconds()
	// Of a server that keeps thirty days: blocks grow to a tenth of that.
	options.MaxBlockDuration = 3 * 24 * time.Hour.Milliseconds()
	db, err := tsdb.Open(folder, nil, nil, options, nil)
	if err != nil {
		return err
	}
	var given benchFigures
	began := time.Now()
	if err := benchFill(db, buffered, head); err != nil {
		return err
	}
	given.IngestSeconds = time.Since(began).Seconds()
	began = time.Now()
	if err := errors.Join(db.Compact(context.Background()), db.CompactHead(tsdb.NewRangeHead(db.Head(), db.Head().MinTime(), db.Head().MaxTime()))); err != nil {
		return err
	}
	if err := db.Compact(context.Background()); err != nil {
		return err
	}
	given.CompactSeconds = time.Since(began).Seconds()
	if given.Bytes, given.IndexBytes, err = benchBytes(folder); err != nil {
		return err
	}
	runtime.GC()
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 500_000_000,
		Timeout:    100 * time.Second,
		Parser:     parser.NewParser(parser.Options{}),
	})
	for _, q := range head.Queries {
		times := make([]float64, 0, head.Repeats)
		var sum float64
		for range head.Repeats {
			took, gave, err := benchAsk(engine, db, q)
			if err != nil {
				return err
			}
			times, sum = append(times, took), gave
		}
		sort.Float64s(times)
		given.QuerySeconds = append(given.QuerySeconds, times[len(times)/2])
		given.Sums = append(given.Sums, sum)
	}
	given.PeakKilo = peakKilobytes()
	if err := db.Close(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(given)
}
