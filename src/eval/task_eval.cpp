#include "eval/task_eval.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/log.h"
#include "data/python_text.h"
#include "eval/task_data.h"
#include "eval/task_samples.h"
#include "tokenizer/unicode.h"

namespace zebra {

namespace {

// A document on its way: its question, its requests, the answers to them.
struct Entry {
  size_t document;
  Question question;
  std::vector<Request> requests;
  std::vector<Score> scores;  // a request each; of a rolled text, only the sum
  std::string answer;
};

// Values by metric and filter, in the order in which they first come.
class Values {
 public:
  void add(const std::string& metric, const std::string& filter, double value) {
    of(metric, filter).values.push_back(value);
  }
  void add(const std::string& metric, double value, double weight) {
    of(metric, "none").values.push_back(value);
    of(metric, "none").weights.push_back(weight);
  }
  const std::vector<MetricValues>& all() const { return all_; }

 private:
  MetricValues& of(const std::string& metric, const std::string& filter) {
    for (MetricValues& each : all_) {
      if (each.metric == metric && each.filter == filter) return each;
    }
    return all_.emplace_back(MetricValues{metric, filter, {}, {}});
  }
  std::vector<MetricValues> all_;
};

int64_t words(std::string_view text) {  // the parts between runs of white space
  int64_t runs = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const auto [c, bytes] = unicode::decode(text, at);
    if (python::is_space(c) && !inside) ++runs;
    inside = python::is_space(c);
    at += bytes;
  }
  return runs + 1;
}

// The first of the largest.
int64_t best(const std::vector<double>& values) {
  return std::max_element(values.begin(), values.end()) - values.begin();
}

std::vector<Request> requests_of(const Task& task, const Question& question, Prompts& prompts,
                                 const Document& document) {
  std::vector<Request> requests;
  if (task.kind == TaskKind::rolling) return {{"", question.target}};
  const std::vector<std::string> texts = prompts.next(document, question);
  if (task.kind == TaskKind::multiple_choice && question.prompts.empty()) {
    for (const std::string& choice : question.choices)
      requests.push_back({texts.front(), prompts.delimiter() + choice});
  } else if (task.kind == TaskKind::multiple_choice) {
    for (const std::string& text : texts) requests.push_back({text, prompts.delimiter() + question.target});
  } else {
    requests.push_back({texts.front(), task.kind == TaskKind::log_likelihood ? question.target : ""});
  }
  return requests;
}

using Metrics = std::vector<std::pair<std::string, double>>;

Metrics choice_metrics(const Task& task, const Entry& entry) {
  std::vector<double> plain, by_length;
  for (size_t i = 0; i < entry.scores.size(); ++i) {
    plain.push_back(entry.scores[i].log_likelihood);
    if (entry.question.prompts.empty())
      by_length.push_back(plain.back() / static_cast<double>(python::length(entry.question.choices[i])));
  }
  Metrics out;
  for (const std::string& metric : task.metrics)
    out.emplace_back(metric, best(metric == "acc_norm" ? by_length : plain) == entry.question.gold ? 1 : 0);
  return out;
}

class Run {
 public:
  Run(const Model& model, const Tokenizer& tokenizer, const TaskEvalOptions& options)
      : model_(model), tokens_(tokenizer, model.config().vocab), options_(options) {
    if (options_.score.max_length <= 0) options_.score.max_length = model.config().max_position;
  }

  TaskResult evaluate(const Task& task) {
    TaskResult result{.task = task, .shots = options_.shots >= 0 ? options_.shots : task.shots};
    if (task.make != nullptr) {
      if (options_.shots > 0)
        log_line(cat(task.name, ": its documents are made, without examples; --num-fewshot is 0"));
      result.shots = 0;
    }
    const bool prompted = task.kind != TaskKind::rolling && result.shots > 0;
    const std::vector<Document> documents =
        task.make != nullptr
            ? made_documents(task, options_.prompts)
            : load_split(options_.data_folder, task.name, task.split, !prompted || task.examples == task.split);
    std::vector<Document> others;
    if (prompted && task.examples != task.split)
      others = load_split(options_.data_folder, task.name, task.examples, false);
    PromptOptions how = options_.prompts;
    how.shots = result.shots;
    Prompts prompts(task, others.empty() ? documents : others, how);

    result.available = static_cast<int64_t>(documents.size());
    result.documents = options_.limit > 0 ? std::min(options_.limit, result.available) : result.available;
    std::vector<Entry> entries;
    for (size_t i = 0; i < static_cast<size_t>(result.documents); ++i) {
      Entry entry{.document = i, .question = read_question(task, documents[i])};
      entry.requests = requests_of(task, entry.question, prompts, documents[i]);
      entries.push_back(std::move(entry));
    }
    if (task.kind == TaskKind::generation)
      generate_all(task, documents, entries);
    else
      score_all(task, documents, entries);
    collect(task, documents, entries, result);
    return result;
  }

 private:
  // Lengths are those of whole prompts, with what a chat template and a system instruction add.
  std::vector<Document> made_documents(const Task& task, PromptOptions how) const {
    how.shots = 0;
    const std::vector<Document> no_examples;
    Prompts prompts(task, no_examples, how);
    constexpr int64_t kDocuments = 100;
    const int64_t count = options_.limit > 0 ? options_.limit : kDocuments;
    std::vector<Document> documents;
    for (int64_t i = 0; i < count; ++i) {
      documents.push_back({task.make(task, i, count,
                                     [&](const std::string& text) {
                                       const std::string prompt = prompts.next({}, {.prompt = text}).front();
                                       return static_cast<int64_t>(tokens_.encode(prompt).size());
                                     }),
                           cat(task.name, ", document ", i)});
    }
    return documents;
  }

  void score_all(const Task& task, const std::vector<Document>& documents, std::vector<Entry>& entries) {
    std::vector<TaskTokens::Pair> pairs;
    std::vector<size_t> counts;  // pairs of each request
    for (const Entry& entry : entries) {
      const std::string& where = documents[entry.document].where;
      for (const Request& request : entry.requests) {
        if (task.kind == TaskKind::rolling) {
          auto windows = rolling_windows(tokens_.encode(request.continuation), tokens_.prefix(), max_length());
          counts.push_back(windows.size());
          std::move(windows.begin(), windows.end(), std::back_inserter(pairs));
        } else {
          pairs.push_back(tokens_.encode_pair(request.context, request.continuation, where));
          counts.push_back(1);
        }
        if (!pairs.empty() && static_cast<int64_t>(pairs.back().continuation.size()) > max_length()) {
          fail_input(where, ": expected answers of at most ", max_length(), " tokens, the context length, found ",
                     pairs.back().continuation.size());
        }
      }
    }
    const std::vector<Score> scores = score(model_, pairs, options_.score);
    auto next = scores.begin();
    auto count = counts.begin();
    for (Entry& entry : entries) {
      for (size_t i = 0; i < entry.requests.size(); ++i) {
        Score sum{0, true};
        for (size_t k = 0; k < *count; ++k, ++next) {
          sum.log_likelihood += next->log_likelihood;
          sum.greedy = sum.greedy && next->greedy;
        }
        ++count;
        entry.scores.push_back(sum);
      }
    }
  }

  void generate_all(const Task& task, const std::vector<Document>& documents, std::vector<Entry>& entries) {
    int64_t most = options_.max_gen_tokens > 0 ? options_.max_gen_tokens : task.max_tokens;
    if (task.make != nullptr) most = std::min(most, task.max_tokens);  // its prompts leave room for no more
    std::vector<Prompt> prompts;
    for (const Entry& entry : entries)
      prompts.push_back({entry.requests.front().context, documents[entry.document].where});
    const std::vector<std::string> texts = answers(
        model_, tokens_, prompts,
        {.until = task.until, .max_tokens = most, .max_length = max_length(), .progress = options_.score.progress});
    for (size_t i = 0; i < entries.size(); ++i) entries[i].answer = texts[i];
  }

  void collect(const Task& task, const std::vector<Document>& documents, const std::vector<Entry>& entries,
               TaskResult& result) {
    Values values;
    // The harness goes through all documents once for each filter.
    const size_t filters = std::max<size_t>(task.filters.size(), 1);
    for (size_t filter = 0; filter < filters; ++filter) {
      const std::string name = task.filters.empty() ? "none" : task.filters[filter].name;
      for (const Entry& entry : entries) {
        Metrics metrics;
        std::string extracted;
        if (task.kind == TaskKind::multiple_choice) {
          metrics = choice_metrics(task, entry);
        } else if (task.kind == TaskKind::log_likelihood) {
          metrics = {{"perplexity", entry.scores[0].log_likelihood}, {"acc", entry.scores[0].greedy ? 1 : 0}};
        } else if (task.kind == TaskKind::generation) {
          extracted = task.filters.empty() ? entry.answer : task.filters[filter].extract(entry.answer);
          metrics = {{task.metrics.front(), task.score(entry.question, extracted)}};
        } else {
          const std::string& counted = entry.question.counted;
          for (const std::string& metric : task.metrics) {
            const double weight =
                metric == "word_perplexity" ? static_cast<double>(words(counted)) : static_cast<double>(counted.size());
            values.add(metric, entry.scores[0].log_likelihood, weight);
          }
        }
        for (const auto& [metric, value] : metrics) values.add(metric, name, value);
        if (options_.keep_samples) {
          result.samples.push_back(sample_json(task, documents[entry.document].json, entry.document, entry.question,
                                               entry.requests, entry.scores, entry.answer, extracted, name, metrics));
        }
      }
    }
    for (const MetricValues& each : values.all())
      result.metrics.push_back(aggregate(each, options_.bootstrap_iterations));
  }

  int64_t max_length() const { return options_.score.max_length; }

  const Model& model_;
  TaskTokens tokens_;
  TaskEvalOptions options_;
};

}  // namespace

std::vector<TaskResult> evaluate_tasks(const Model& model, const Tokenizer& tokenizer, const std::vector<Task>& tasks,
                                       const TaskEvalOptions& options) {
  Run run(model, tokenizer, options);
  std::vector<TaskResult> results;
  for (const Task& task : tasks) {
    if (options.log) options.log(task.name);
    results.push_back(run.evaluate(task));
  }
  return results;
}

std::vector<GroupResult> group_results(const std::vector<TaskResult>& results) {
  struct Found {
    GroupResult group;
    size_t depth = 0;
    std::vector<MetricResult> metrics;
    std::vector<int64_t> sizes;
  };
  std::vector<Found> found;
  for (const TaskResult& result : results) {
    const std::vector<TaskGroup>& path = result.task.groups;
    for (size_t depth = 0; depth < path.size(); ++depth) {
      const std::string& name = path[depth].name;
      auto at = std::find_if(found.begin(), found.end(), [&](const Found& f) { return f.group.group.name == name; });
      if (at == found.end()) at = found.insert(at, {.group = {.group = path[depth]}, .depth = depth});
      const std::string& member = depth + 1 < path.size() ? path[depth + 1].name : result.task.name;
      std::vector<std::string>& members = at->group.members;
      if (std::find(members.begin(), members.end(), member) == members.end()) members.push_back(member);
      at->group.shots = result.shots;
      at->group.documents += result.documents;
      at->metrics.push_back(result.metrics.front());
      at->sizes.push_back(result.documents);
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.depth > b.depth; });
  std::vector<GroupResult> groups;
  for (Found& each : found) {
    each.group.metric = aggregate_group(each.metrics, each.sizes);
    groups.push_back(std::move(each.group));
  }
  return groups;
}

}  // namespace zebra
