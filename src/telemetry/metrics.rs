//! The recorder of metrics.

use super::names::{self, Kind, METRICS};
use super::recent::{Counting, Recent, Tally};
use metrics::{Key, KeyName, Label, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::sync::{Arc, OnceLock};

/// Upper ends of the buckets of times, in seconds: from a fast webhook to a slow tick. What is promised (0.01, 0.04, 2) is
/// among them, so that it can be told from outside.
const BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.04, 0.05, 0.1, 0.25, 1.0, 2.0, 5.0, 30.0, 120.0];

/// The same for what is told rule by rule, where each bucket is a series for every rule: from what is promised to an hour.
const COARSE: [f64; 7] = [0.25, 2.0, 10.0, 30.0, 120.0, 600.0, 3600.0];

/// The recorder of this process, once it is installed. The `metrics` macros know one recorder a process, so two
/// daemons in one process (as tests run them) count together.
static INSTALLED: OnceLock<Metrics> = OnceLock::new();

/// Reads what was counted.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    recent: Arc<Recent>,
}

impl Metrics {
    /// Makes the recorder that the `metrics` macros of this process count with; the same one if called again.
    pub fn install() -> Self {
        INSTALLED
            .get_or_init(|| {
                let (recorder, metrics) = Self::local();
                if let Err(error) = metrics::set_global_recorder(recorder) {
                    tracing::warn!(%error, "another recorder of metrics is installed; ours stays empty");
                }
                metrics
            })
            .clone()
    }

    /// A recorder of its own, all metrics described, for `metrics::with_local_recorder`.
    #[must_use]
    pub fn local() -> (Counting<PrometheusRecorder>, Self) {
        let times = METRICS.iter().filter_map(|metric| Some((metric.name, metric.kind.buckets()?)));
        let builder = times.fold(PrometheusBuilder::new(), |builder, (name, buckets)| {
            // Refused for an empty list of buckets only.
            builder.set_buckets_for_metric(Matcher::Full(name.into()), buckets).unwrap_or_default()
        });
        let inner = builder.build_recorder();
        describe(&inner);
        let recent = Arc::new(Recent::default());
        let metrics = Self { handle: inner.handle(), recent: Arc::clone(&recent) };
        (Counting { inner, recent }, metrics)
    }

    /// All metrics in the Prometheus text form.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// What the last minutes came to.
    #[must_use]
    pub fn recent(&self) -> Tally {
        self.recent.tally()
    }

    /// Folds what times were recorded into their buckets; to be called every few seconds, or they pile up.
    pub fn run_upkeep(&self) {
        self.handle.run_upkeep();
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics(..)")
    }
}

impl Kind {
    const fn buckets(self) -> Option<&'static [f64]> {
        match self {
            Self::Counter | Self::Gauge => None,
            Self::Seconds => Some(&BUCKETS),
            Self::CoarseSeconds => Some(&COARSE),
        }
    }
}

fn describe(recorder: &PrometheusRecorder) {
    for metric in METRICS {
        let name = KeyName::from_const_str(metric.name);
        match metric.kind {
            Kind::Counter => recorder.describe_counter(name, None, metric.help.into()),
            Kind::Gauge => recorder.describe_gauge(name, None, metric.help.into()),
            Kind::Seconds | Kind::CoarseSeconds => {
                recorder.describe_histogram(name, Some(metrics::Unit::Seconds), metric.help.into());
            }
        }
    }
    let version = Label::from_static_parts(names::label::VERSION, env!("CARGO_PKG_VERSION"));
    let metadata = Metadata::new(module_path!(), metrics::Level::INFO, None);
    recorder.register_gauge(&Key::from_parts(names::BUILD_INFO, vec![version]), &metadata).set(1.0);
}

#[cfg(test)]
mod tests {
    use super::Metrics;
    use crate::telemetry::names;

    #[test]
    fn what_is_counted_is_shown_with_its_help() {
        let (recorder, metrics) = Metrics::local();
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!(names::TICKS, "rule" => "win-back").increment(3);
            metrics::histogram!(names::ATTEMPT_SECONDS, "channel" => "email").record(0.004);
        });
        metrics.run_upkeep();
        let text = metrics.render();
        assert!(text.contains("# HELP retaind_ticks_total Ticks completed, by `rule`."), "{text}");
        assert!(text.contains("retaind_ticks_total{rule=\"win-back\"} 3"), "{text}");
        assert!(text.contains("retaind_attempt_seconds_bucket{channel=\"email\",le=\"0.005\"} 1"), "{text}");
    }

    #[test]
    fn the_last_minutes_are_told_of_what_status_shows() {
        let (recorder, metrics) = Metrics::local();
        metrics::with_local_recorder(&recorder, || {
            let arrived = |result, count| {
                metrics::counter!(names::ARRIVALS, "kind" => "track", "result" => result).increment(count);
            };
            arrived("stored", 5);
            arrived("duplicate", 2);
            arrived("refused", 1);
            for status in ["200", "401", "503"] {
                metrics::counter!(names::CALLS, "kind" => "batch", "status" => status).increment(1);
            }
            for outcome in ["accepted", "accepted", "transient"] {
                metrics::counter!(names::ATTEMPTS, "rule" => "a", "outcome" => outcome).increment(1);
            }
            metrics::counter!(names::DEAD_LETTERS, "rule" => "a").increment(1);
            for late in [0.5, 7.0, 1.0] {
                metrics::histogram!(names::LATENESS, "rule" => "a").record(late);
            }
        });
        let recent = metrics.recent();
        assert_eq!((recent.stored, recent.duplicates, recent.refused, recent.calls_refused), (5, 2, 1, 2));
        assert_eq!((recent.sent, recent.given_up), (2, 1));
        assert!((recent.latest - 7.0).abs() < f64::EPSILON);
        let text = metrics.render();
        assert!(text.contains("retaind_arrivals_total{kind=\"track\",result=\"stored\"} 5"), "{text}");
        assert!(text.contains("retaind_lateness_seconds_count{rule=\"a\"} 3"), "{text}");
    }

    #[test]
    fn installing_twice_gives_the_same_recorder() {
        let (first, second) = (Metrics::install(), Metrics::install());
        metrics::counter!(names::PANICS, "part" => "a test").increment(1);
        assert!(first.render().contains("retaind_panics_total{part=\"a test\"} 1"));
        assert!(second.render().contains("retaind_panics_total{part=\"a test\"} 1"));
    }

    #[test]
    fn names_are_unique_and_say_their_unit() {
        let mut seen = std::collections::BTreeSet::new();
        for metric in names::METRICS {
            assert!(seen.insert(metric.name), "{} twice", metric.name);
            assert_eq!(metric.kind == names::Kind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
        }
    }

    fn sources(folder: &std::path::Path, into: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, into);
            } else if !path.ends_with("telemetry/names.rs") {
                into.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn every_metric_that_is_declared_is_set_somewhere() {
        let mut text = String::new();
        sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text);
        let declared = include_str!("names.rs").lines().filter_map(|line| line.split_once(" = \""));
        let declared = declared.filter(|(_, rest)| {
            rest.contains("\", Counter, \"") || rest.contains("\", Gauge, \"") || rest.contains("Seconds, \"")
        });
        let names: Vec<&str> = declared.map(|(name, _)| name.trim()).collect();
        assert_eq!(names.len(), names::METRICS.len());
        for name in names {
            assert!(text.contains(&format!("names::{name}")), "{name}");
        }
    }
}
