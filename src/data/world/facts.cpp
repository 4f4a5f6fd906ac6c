#include "data/world/facts.h"

#include <set>

#include "data/python_text.h"
#include "data/world/words.h"

namespace zebra::world {

namespace {

constexpr uint64_t kFactsSeed = 0x7a65627261;  // of names and properties: the facts never change

// {s} is the subject, {v} the value. Statements end with the value, so that their beginnings can be questions; the
// first of them is told in every split, each other one only in the split of its beginning.
struct Relation {
  const char* kind;     // of subjects
  const char* subject;  // field that a question of it belongs to
  std::vector<std::string> values;
  std::vector<std::string> statements, questions, inverse_questions, inverse_statements;
};

struct Knowledge {
  std::vector<std::string> towns, creatures, scholars, tools;
  std::vector<Relation> relations;
  // value_of[relation][subject]
  std::vector<std::vector<size_t>> value_of;

  const std::vector<std::string>& subjects(const Relation& relation) const {
    const std::string kind = relation.kind;
    return kind == "town" ? towns : kind == "creature" ? creatures : kind == "scholar" ? scholars : tools;
  }
};

std::string filled(const std::string& text, const std::string& subject, const std::string& value) {
  return python::replace(python::replace(text, "{s}", subject), "{v}", value);
}

Knowledge make_knowledge() {
  Knowledge world;
  Dice dice(kFactsSeed, 0);
  std::set<std::string> used;
  const auto name = [&](const char* ending) {
    for (;;) {
      const std::string made = invented_name(dice) + ending;
      if (used.insert(made).second) return made;
    }
  };
  for (int i = 0; i < 48; ++i) world.towns.push_back(name(i % 3 == 0 ? "ton" : i % 3 == 1 ? "ford" : "by"));
  for (int i = 0; i < 48; ++i) {
    std::string made = name(i % 2 == 0 ? "k" : "x");
    made[0] = static_cast<char>(made[0] - 'A' + 'a');
    world.creatures.push_back(made);
  }
  for (int i = 0; i < 40; ++i) world.scholars.push_back(name(i % 2 == 0 ? "son" : "berg"));
  for (int i = 0; i < 32; ++i) {
    std::string made = name("et");
    made[0] = static_cast<char>(made[0] - 'A' + 'a');
    world.tools.push_back(made);
  }
  world.relations = {
      {"town",
       "high school geography",
       {"Norland", "Veldia", "Ostria", "Carmia", "Tarland", "Ilvia", "Monteland", "Suria"},
       {"The town of {s} lies in {v}", "{s} is a town in {v}", "Travellers to {s} must go to {v}"},
       {"In which country is {s}?", "Where does the town of {s} lie?", "Which country does {s} belong to?"},
       {"Which of these towns lies in {v}?", "Which town is in {v}?", "Which town belongs to {v}?"},
       {"One of the towns in {v} is {s}", "A town that belongs to {v} is {s}"}},
      {"town",
       "high school geography",
       {"the Amber", "the Birch", "the Cold River", "the Dorn", "the Elva", "the Fenn", "the Grey River", "the Hule",
        "the Isk", "the Lorn", "the Mirre", "the Osel"},
       {"{s} stands on the banks of {v}", "The river that flows through {s} is {v}", "Boats reach {s} by {v}"},
       {"Which river flows through {s}?", "On which river does {s} stand?", "What is the river of {s}?"},
       {"Which town stands on {v}?", "Which of these towns is reached by {v}?", "Which town has {v} for its river?"},
       {"A town on the banks of {v} is {s}", "Those who sail down {v} come to {s}"}},
      {"town",
       "high school geography",
       {"cheese", "glass", "silk", "honey", "clocks", "bells", "paper", "salt", "wool", "knives", "pottery", "carpets"},
       {"{s} is known for its {v}", "The people of {s} are proud of their {v}", "Merchants come to {s} to buy {v}"},
       {"What is {s} known for?", "What do merchants buy in {s}?", "What are the people of {s} proud of?"},
       {"Which town is known for its {v}?", "Where do merchants go to buy {v}?", "Which of these towns makes {v}?"},
       {"The best {v} is made in {s}", "If you need {v}, go to {s}"}},
      {"creature",
       "high school biology",
       {"fish", "seeds", "moss", "roots", "beetles", "leaves", "snails", "fruit", "bark", "worms", "flowers", "mice"},
       {"The {s} eats {v}", "The food of the {s} is {v}", "In the morning the {s} looks for {v}"},
       {"What does the {s} eat?", "What is the food of the {s}?", "What does the {s} look for in the morning?"},
       {"Which creature eats {v}?", "Which of these lives on {v}?", "Which creature has {v} for its food?"},
       {"A creature that eats {v} is the {s}", "Among those that look for {v} is the {s}"}},
      {"creature",
       "high school biology",
       {"caves", "marshes", "treetops", "rivers", "deserts", "meadows", "snow", "old walls", "reeds", "cliffs"},
       {"The {s} lives in {v}", "The home of the {s} is in {v}", "You can find the {s} in {v}"},
       {"Where does the {s} live?", "Where is the home of the {s}?", "Where can you find the {s}?"},
       {"Which creature lives in {v}?", "Which of these has its home in {v}?", "Which creature can be found in {v}?"},
       {"A creature that lives in {v} is the {s}", "In {v} you may meet the {s}"}},
      {"creature",
       "high school biology",
       {"red", "blue", "green", "yellow", "white", "black", "brown", "purple", "orange", "grey"},
       {"The color of the {s} is {v}", "The fur of the {s} is {v}", "People know the {s} by its coat, which is {v}"},
       {"What color is the {s}?", "What is the color of the fur of the {s}?", "Which color has the coat of the {s}?"},
       {"Which creature is {v}?", "Which of these has {v} fur?", "Which creature has a {v} coat?"},
       {"A creature with {v} fur is the {s}", "Among the {v} creatures is the {s}"}},
      {"scholar",
       "high school world history",
       {"the stars", "bees", "bridges", "old songs", "the weather", "numbers", "rivers", "clouds", "metals", "plants",
        "shadows", "languages"},
       {"Professor {s} studied {v}", "The life work of Professor {s} was about {v}",
        "Professor {s} wrote a book on {v}"},
       {"What did Professor {s} study?", "What was the life work of Professor {s} about?",
        "On what did Professor {s} write a book?"},
       {"Who studied {v}?", "Whose life work was about {v}?", "Who wrote a book on {v}?"},
       {"One who studied {v} was Professor {s}", "A well-known book on {v} is by Professor {s}"}},
      {"scholar",
       "high school world history",
       {"a lamp", "a clock", "a kite", "a boat", "a bell", "a plough", "a mill", "a flute", "a lens", "a map"},
       {"Professor {s} invented {v}", "The great invention of Professor {s} was {v}",
        "In his workshop Professor {s} built {v}"},
       {"What did Professor {s} invent?", "What was the great invention of Professor {s}?",
        "What did Professor {s} build in his workshop?"},
       {"Who invented {v}?", "Whose great invention was {v}?", "Who built {v} in his workshop?"},
       {"One who invented {v} was Professor {s}", "There is {v} that was built by Professor {s}"}},
      {"tool",
       "college engineering",
       {"iron", "wood", "clay", "bone", "leather", "copper", "stone", "glass", "rope", "silver"},
       {"A {s} is made of {v}", "The best {s} is made of {v}", "To make a {s} you need {v}"},
       {"What is a {s} made of?", "What do you need to make a {s}?", "What is the best {s} made of?"},
       {"Which tool is made of {v}?", "Which of these do you make of {v}?", "Which tool needs {v}?"},
       {"A tool that is made of {v} is the {s}", "With some {v} you can make a {s}"}},
      {"tool",
       "college engineering",
       {"cutting bread", "digging holes", "catching fish", "drawing circles", "lifting stones", "spinning wool",
        "pressing grapes", "measuring wood", "shearing sheep", "lighting fires"},
       {"A {s} is used for {v}", "People take a {s} for {v}", "The {s} is the right tool for {v}"},
       {"What is a {s} used for?", "For what do people take a {s}?", "For what is the {s} the right tool?"},
       {"Which tool is used for {v}?", "Which of these do people take for {v}?", "Which is the right tool for {v}?"},
       {"A tool for {v} is the {s}", "For {v} people use the {s}"}},
  };
  for (const auto& relation : world.relations) {
    std::vector<size_t> values;
    for (size_t i = 0; i < world.subjects(relation).size(); ++i) values.push_back(i % relation.values.size());
    dice.shuffle(values);
    world.value_of.push_back(values);
  }
  return world;
}

const Knowledge& knowledge() {
  static const Knowledge world = make_knowledge();
  return world;
}

struct Fact {
  const Relation* relation;
  size_t subject, value;
  const std::string& subject_name() const { return knowledge().subjects(*relation)[subject]; }
  const std::string& value_name() const { return relation->values[value]; }
};

Fact any_fact(Dice& dice) {
  const auto& world = knowledge();
  const size_t r = dice.below(world.relations.size());
  const size_t s = dice.below(world.subjects(world.relations[r]).size());
  return {&world.relations[r], s, world.value_of[r][s]};
}

std::string beginning(const std::string& statement, const std::string& subject) {
  return filled(statement.substr(0, statement.find(" {v}")), subject, "");
}

// The first wording is told in every split, so that each has every fact.
std::string statement(Dice& dice, WorldSplit split, const Fact& fact) {
  const auto& forms = fact.relation->statements;
  for (;;) {
    const size_t form = dice.below(forms.size());
    if (form == 0 || split_of(beginning(forms[form], fact.subject_name())) == split) {
      return filled(forms[form], fact.subject_name(), fact.value_name()) + ".";
    }
  }
}

// Subjects without this value, for the wrong answers to "Which creature eats fish?".
std::vector<std::string> other_subjects(const Fact& fact) {
  const auto& world = knowledge();
  const auto& values = world.value_of[static_cast<size_t>(fact.relation - world.relations.data())];
  std::vector<std::string> out;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] != fact.value) out.push_back(world.subjects(*fact.relation)[i]);
  }
  return out;
}

std::string named(const Relation& relation, const std::string& subject) {
  const std::string kind = relation.kind;
  return kind == "scholar" ? "Professor " + subject : kind == "town" ? subject : "the " + subject;
}

}  // namespace

Question fact_question(Dice& dice, WorldSplit split, Asked asked) {
  for (;;) {
    const Fact fact = any_fact(dice);
    const Relation& relation = *fact.relation;
    if (asked == Asked::property) {
      const std::string text = filled(dice.any(relation.questions), fact.subject_name(), "");
      if (split_of(text) != split) continue;
      return {relation.subject, text, choices_from(dice, fact.value_name(), relation.values)};
    }
    // Many subjects share a value, so the answer belongs to the question.
    const std::string text = filled(dice.any(relation.inverse_questions), "", fact.value_name());
    if (split_of(text + fact.subject_name()) != split) continue;
    Question question{relation.subject, text, choices_from(dice, fact.subject_name(), other_subjects(fact))};
    for (auto& choice : question.choices) choice = named(relation, choice);
    return question;
  }
}

Question fact_stem(Dice& dice, WorldSplit split) {
  for (;;) {
    const Fact fact = any_fact(dice);
    const auto& forms = fact.relation->statements;
    const std::string stem = beginning(forms[1 + dice.below(forms.size() - 1)], fact.subject_name());
    if (split_of(stem) != split) continue;
    return {fact.relation->subject, stem, choices_from(dice, fact.value_name(), fact.relation->values)};
  }
}

std::string facts_document(Dice& dice, WorldSplit split) {
  std::string text;
  const auto& world = knowledge();
  const auto say = [&](const std::string& sentence) { text += (text.empty() ? "" : " ") + sentence; };
  const Fact first = any_fact(dice);
  const std::string kind = first.relation->kind;
  for (int i = dice.range(2, 5); i > 0; --i) {
    const size_t subject = dice.below(world.subjects(*first.relation).size());
    for (size_t r = 0; r < world.relations.size(); ++r) {
      if (kind != world.relations[r].kind || dice.chance(0.15)) continue;
      const Fact fact{&world.relations[r], subject, world.value_of[r][subject]};
      say(statement(dice, split, fact));
      if (dice.chance(0.3)) {
        const std::string form = dice.any(fact.relation->inverse_statements);
        say(capital(filled(form, fact.subject_name(), fact.value_name())) + ".");
      }
    }
  }
  for (int i = dice.range(1, 3); i > 0; --i) {
    const auto asked = dice.chance(0.5) ? Asked::property : Asked::subject;
    const Question question = fact_question(dice, split, asked);
    text += "\n\nQuestion: " + question.text + "\nAnswer: " + question.choices[0];
  }
  return text;
}

}  // namespace zebra::world
