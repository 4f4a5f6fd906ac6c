#pragma once
// A document of every task.
#include <map>
#include <string>

namespace zebra {

inline const std::map<std::string, const char*>& task_documents() {
  static const std::map<std::string, const char*> all = {
      {"arc_easy", R"({"question": "Q?", "choices": {"text": ["a", "b"], "label": ["1", "2"]}, "answerKey": "2"})"},
      {"boolq", R"({"passage": "P.", "question": "is it", "label": true})"},
      {"gsm8k", R"({"question": "Q?", "answer": "1 + 1 = 2\n#### 1,002"})"},
      {"hellaswag", R"({"activity_label": "Act", "ctx_a": "[header] A [title] b", "ctx_b": "hE  goes",
                        "endings": [" x [step] y", "z"], "label": "1"})"},
      {"lambada_openai", R"({"text": "one two  three"})"},
      {"mmlu_high_school_biology", R"({"question": " Q ", "choices": ["a", "b", "c", "d"], "answer": 3})"},
      {"openbookqa",
       R"({"question_stem": "Q", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": " B"})"},
      {"piqa", R"({"goal": "G", "sol1": "a", "sol2": "b", "label": 1})"},
      {"pubmedqa", R"({"CONTEXTS": ["c", "d"], "QUESTION": "Q?", "final_decision": "no"})"},
      {"race",
       R"({"article": "A", "problems": "[{'question': 'It is  _  .', 'answer': 'C', 'options': ['a', 'b', 'c', 'd']}, {'question': \"Q's?\", 'answer': 'B', 'options': ['e', 'f', 'g', 'h']}]"})"},
      {"ruler", R"({"input": "I", "outputs": ["12", "Ab"], "gen_prefix": "P"})"},
      {"wikitext", R"({"page": " = T = \n a ( b ) , \" c \" 3 @,@ 0 's"})"},
      {"winogrande", R"({"sentence": "The _ is  big.", "option1": "x", "option2": "y", "answer": "2"})"},
  };
  return all;
}

}  // namespace zebra
