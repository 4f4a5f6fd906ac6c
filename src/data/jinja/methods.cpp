#include "data/jinja/methods.h"

#include <algorithm>
#include <span>

#include "data/python_text.h"
#include "tokenizer/unicode.h"

namespace zebra::jinja {

namespace {

using Call = Value (*)(const Value& self, const List& places, const Named& names, Budget& budget);
struct Method {
  const char* name;
  Call call;
};

const std::string& text_at(const List& places, size_t i) {
  if (i >= places.size() || !places[i].is_text()) {
    throw Fault{"expected a text as argument " + std::to_string(i + 1) + ", found " +
                (i < places.size() ? places[i].type() : "none")};
  }
  return places[i].text();
}

int64_t integer_at(const List& places, size_t i, int64_t otherwise) {
  if (i >= places.size()) return otherwise;
  if (!places[i].is_integer()) throw Fault{"expected an integer, found " + places[i].type()};
  return places[i].integer();
}

Value stripped_method(const Value& self, const List& places, bool left, bool right, Budget& budget) {
  if (!places.empty() && !places[0].is_none()) return stripped(self.text(), text_at(places, 0), left, right, budget);
  std::string_view out = self.text();
  if (left) out = python::strip_left(out);
  if (right) out = python::strip_right(out);
  return paid_text(std::string(out), budget);
}

int64_t occurrences(const std::string& text, const std::string& part, Budget& budget) {
  budget.search(text, part);
  int64_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

Value texts(const std::vector<std::string>& parts, Budget& budget) {
  List out;
  for (const std::string& part : parts) {
    budget.make(static_cast<int64_t>(part.size() + 4 * sizeof(Value)));
    out.push_back(Value::text(part));
  }
  return Value::list(std::move(out));
}

Value split(const Value& self, const List& places, const Named& names, Budget& budget) {
  Value separator = places.empty() ? Value(nullptr) : places[0];
  int64_t limit = integer_at(places, 1, -1);
  for (const auto& [name, value] : names) {
    if (name == "sep") separator = value;
    if (name == "maxsplit") limit = integer_at({value}, 0, -1);
  }
  budget.make(static_cast<int64_t>(self.text().size()) * 4);
  if (separator.is_none()) return texts(python::split_space(self.text(), limit), budget);
  if (!separator.is_text() || separator.text().empty()) throw Fault{"split expects a separator with text in it"};
  budget.make(occurrences(self.text(), separator.text(), budget) * static_cast<int64_t>(sizeof(std::string)));
  return texts(python::split(self.text(), separator.text(), limit), budget);
}

Value split_right(const Value& self, const List& places, const Named& names, Budget& budget) {
  int64_t limit = integer_at(places, 1, -1);
  for (const auto& [name, value] : names) {
    if (name == "maxsplit") limit = integer_at({value}, 0, -1);
  }
  if (limit < 0 || places.empty() || places[0].is_none()) return split(self, places, names, budget);
  const std::string& separator = text_at(places, 0);
  if (separator.empty()) throw Fault{"rsplit expects a separator with text in it"};
  budget.make(occurrences(self.text(), separator, budget) * static_cast<int64_t>(sizeof(std::string)));
  std::vector<std::string> parts;
  std::string_view rest = self.text();
  for (size_t found; limit != 0 && (found = rest.rfind(separator)) != std::string_view::npos; --limit) {
    parts.emplace_back(rest.substr(found + separator.size()));
    rest = rest.substr(0, found);
  }
  parts.emplace_back(rest);
  std::reverse(parts.begin(), parts.end());
  return texts(parts, budget);
}

bool begins_or_ends(const Value& self, const List& places, bool begins, Budget& budget) {
  const auto one = [&](const Value& part) {
    if (!part.is_text()) throw Fault{"expected a text, found " + part.type()};
    budget.make(1);
    budget.read(static_cast<int64_t>(part.text().size()));
    return begins ? self.text().starts_with(part.text()) : self.text().ends_with(part.text());
  };
  if (!places.empty() && places[0].is_list()) return std::any_of(places[0].list().begin(), places[0].list().end(), one);
  if (places.empty()) throw Fault{"expected a text, found none"};
  return one(places[0]);
}

Value lines(const Value& self, const List&, const Named&, Budget& budget) {
  std::vector<std::string> parts = python::split(self.text(), "\n");
  if (parts.back().empty()) parts.pop_back();
  for (std::string& line : parts) {
    if (line.ends_with('\r')) line.pop_back();
  }
  return texts(parts, budget);
}

// The place of the character at byte `at`.
int64_t character(const std::string& text, size_t at) {
  return at == std::string::npos ? -1 : python::length(std::string_view(text).substr(0, at));
}

Value joined(const Value& self, const List& places, const Named&, Budget& budget) {
  if (places.empty()) throw Fault{"join expects a list"};
  std::string out;
  bool first = true;
  for (const Value& each : elements(places[0], budget)) {
    if (!each.is_text()) throw Fault{"join expects texts, found " + each.type()};
    budget.make(static_cast<int64_t>(each.text().size() + self.text().size()));
    if (!first) out += self.text();
    first = false;
    out += each.text();
  }
  return Value::text(std::move(out));
}

using T = const Value&;
using P = const List&;
using N = const Named&;
using B = Budget&;

constexpr Method kText[] = {
    {"strip", [](T self, P places, N, B budget) { return stripped_method(self, places, true, true, budget); }},
    {"lstrip", [](T self, P places, N, B budget) { return stripped_method(self, places, true, false, budget); }},
    {"rstrip", [](T self, P places, N, B budget) { return stripped_method(self, places, false, true, budget); }},
    {"split", split},
    {"rsplit", split_right},
    {"splitlines", lines},
    {"startswith", [](T self, P places, N, B budget) { return Value(begins_or_ends(self, places, true, budget)); }},
    {"endswith", [](T self, P places, N, B budget) { return Value(begins_or_ends(self, places, false, budget)); }},
    {"upper", [](T self, P, N, B budget) { return paid_text(python::upper(self.text()), budget); }},
    {"lower", [](T self, P, N, B budget) { return paid_text(python::lower(self.text()), budget); }},
    {"title", [](T self, P, N, B budget) { return paid_text(python::title(self.text()), budget); }},
    {"capitalize", [](T self, P, N, B budget) { return paid_text(python::capitalize(self.text()), budget); }},
    {"replace",
     [](T self, P places, N, B budget) {
       return replaced(self.text(), text_at(places, 0), text_at(places, 1), integer_at(places, 2, -1), budget);
     }},
    {"removeprefix",
     [](T self, P places, N, B budget) {
       const bool there = self.text().starts_with(text_at(places, 0));
       return paid_text(self.text().substr(there ? text_at(places, 0).size() : 0), budget);
     }},
    {"removesuffix",
     [](T self, P places, N, B budget) {
       const bool there = self.text().ends_with(text_at(places, 0));
       return paid_text(self.text().substr(0, self.text().size() - (there ? text_at(places, 0).size() : 0)), budget);
     }},
    {"find",
     [](T self, P places, N, B budget) {
       budget.search(self.text(), text_at(places, 0));
       return Value(character(self.text(), self.text().find(text_at(places, 0))));
     }},
    {"rfind",
     [](T self, P places, N, B budget) {
       budget.search(self.text(), text_at(places, 0));
       return Value(character(self.text(), self.text().rfind(text_at(places, 0))));
     }},
    {"index",
     [](T self, P places, N, B budget) {
       budget.search(self.text(), text_at(places, 0));
       const size_t at = self.text().find(text_at(places, 0));
       if (at == std::string::npos) throw Fault{"the text to find is not there"};
       return Value(character(self.text(), at));
     }},
    {"count",
     [](T self, P places, N, B budget) {
       const std::string& part = text_at(places, 0);
       return Value(part.empty() ? python::length(self.text()) + 1 : occurrences(self.text(), part, budget));
     }},
    {"join", joined},
    {"isdigit", [](T self, P, N, B budget) { return Value(method_truth("isdigit", self.text(), budget)); }},
    {"isalpha", [](T self, P, N, B budget) { return Value(method_truth("isalpha", self.text(), budget)); }},
    {"isalnum", [](T self, P, N, B budget) { return Value(method_truth("isalnum", self.text(), budget)); }},
    {"isspace", [](T self, P, N, B budget) { return Value(method_truth("isspace", self.text(), budget)); }},
    {"islower", [](T self, P, N, B budget) { return Value(method_truth("islower", self.text(), budget)); }},
    {"isupper", [](T self, P, N, B budget) { return Value(method_truth("isupper", self.text(), budget)); }},
};

constexpr Method kDict[] = {
    {"items", [](T self, P, N, B budget) { return apply_filter("items", self, {}, {}, budget); }},
    {"keys", [](T self, P, N, B budget) { return Value::list(elements(self, budget)); }},
    {"values",
     [](T self, P, N, B budget) {
       budget.make(static_cast<int64_t>(self.dict().size() * sizeof(Value)));
       List out;
       for (const auto& [key, each] : self.dict()) out.push_back(each);
       return Value::list(std::move(out));
     }},
    {"get",
     [](T self, P places, N, B budget) {
       if (places.empty()) throw Fault{"get expects a key"};
       budget.make(static_cast<int64_t>(self.dict().size() / 4));
       const Value* found = places[0].is_text() ? self.find(places[0].text()) : nullptr;
       return found != nullptr ? *found : places.size() > 1 ? places[1] : Value(nullptr);
     }},
    {"copy",
     [](T self, P, N, B budget) {
       pay(self.dict(), budget);
       return Value::dict(self.dict());
     }},
};

constexpr Method kList[] = {
    {"index",
     [](T self, P places, N, B budget) {
       budget.make(static_cast<int64_t>(self.list().size()));
       for (size_t i = 0; i < self.list().size() && !places.empty(); ++i) {
         if (equal(self.list()[i], places[0], budget)) return Value(static_cast<int64_t>(i));
       }
       throw Fault{"the value to find is not in the list"};
     }},
    {"count",
     [](T self, P places, N, B budget) {
       budget.make(static_cast<int64_t>(self.list().size()));
       int64_t count = 0;
       for (const Value& each : self.list()) count += !places.empty() && equal(each, places[0], budget) ? 1 : 0;
       return Value(count);
     }},
    {"copy", [](T self, P, N, B) { return self; }},
};

Value bound(std::span<const Method> methods, const Value& self, const std::string& name, Budget& budget) {
  for (const Method& each : methods) {
    if (name == each.name) {
      return Value::function(
          [self, call = each.call, &budget](const List& places, const Named& names) {
            budget.step();
            if (self.is_text()) budget.read(static_cast<int64_t>(self.text().size()));
            return call(self, places, names, budget);
          },
          self.nesting());
    }
  }
  return Value::undefined(name);
}

}  // namespace

Value paid_text(std::string text, Budget& budget) {
  budget.make(static_cast<int64_t>(text.size()));
  return Value::text(std::move(text));
}

Value method(const Value& value, const std::string& name, Budget& budget) {
  if (value.is_text()) return bound(kText, value, name, budget);
  if (value.is_list()) return bound(kList, value, name, budget);
  if (value.is_dict() && !value.as_space()) return bound(kDict, value, name, budget);
  return Value::undefined(name);
}

Value replaced(const std::string& text, const std::string& from, const std::string& to, int64_t count, Budget& budget) {
  const int64_t found = from.empty() ? static_cast<int64_t>(text.size()) + 1 : occurrences(text, from, budget);
  budget.make(static_cast<int64_t>(text.size()) + found * static_cast<int64_t>(to.size()));
  return Value::text(python::replace(text, from, to, count));
}

Value stripped(const std::string& text, const std::string& characters, bool left, bool right, Budget& budget) {
  budget.read(static_cast<int64_t>(text.size()) * static_cast<int64_t>(1 + characters.size()));
  return paid_text(std::string(python::strip(text, characters, left, right)), budget);
}

bool method_truth(const std::string& name, const std::string& text, Budget& budget) {
  budget.make(static_cast<int64_t>(text.size()) * 4);  // as UTF-32
  if (name == "islower") return python::lower(text) == text && python::upper(text) != text;
  if (name == "isupper") return python::upper(text) == text && python::lower(text) != text;
  const auto fits = [&](char32_t c) {
    const bool letter = unicode::has(c, unicode::kLetter), number = unicode::has(c, unicode::kNumber);
    return name == "isdigit"   ? number
           : name == "isalpha" ? letter
           : name == "isalnum" ? letter || number
                               : python::is_space(c);
  };
  const std::u32string characters = unicode::to_utf32(text);
  return !characters.empty() && std::all_of(characters.begin(), characters.end(), fits);
}

std::string filter_title(const std::string& text) {
  std::string out, word;
  const auto finish = [&] {
    if (word.empty()) return;
    const size_t first = unicode::decode(word, 0).bytes;
    out += python::upper(word.substr(0, first)) + python::lower(word.substr(first));
    word.clear();
  };
  for (size_t at = 0; at < text.size();) {
    const auto [c, bytes] = unicode::decode(text, at);
    if (python::is_space(c) ||
        (c < 128 && std::string_view("-([{<").find(static_cast<char>(c)) != std::string_view::npos)) {
      finish();
      out += text.substr(at, bytes);
    } else {
      word += text.substr(at, bytes);
    }
    at += bytes;
  }
  finish();
  return out;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace zebra::jinja
