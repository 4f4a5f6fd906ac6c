#include "data/world/story.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "data/world/words.h"

namespace zebra::world {

namespace {

constexpr const char* kNumbers[] = {"zero",     "one",     "two",     "three",     "four",     "five",     "six",
                                    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
                                    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};
constexpr const char* kOrdinals[] = {"first", "second", "third", "fourth", "fifth", "sixth"};
constexpr int kNowhere = -1;

struct Person {
  std::string first, family;
  bool girl;
  std::string place;
  const char* he() const { return girl ? "she" : "he"; }
  const char* his() const { return girl ? "her" : "his"; }
  const char* him() const { return girl ? "her" : "him"; }
};

struct Thing {
  std::string name;       // "red ball"
  int holder = kNowhere;  // a person, or
  std::string where;      // "in the basket in the kitchen"
};

// Which split a person belongs to: one in ten is for validation, one in ten for testing.
WorldSplit split_of_person(uint64_t first, uint64_t family) {
  const uint64_t bucket = (first * 7 + family * 3 + first * family) % 10;
  return bucket == 0 ? WorldSplit::valid : bucket == 1 ? WorldSplit::test : WorldSplit::train;
}

class Story {
 public:
  Story(Dice& dice, WorldSplit split) : dice_(dice), split_(split) {}

  StoryText tell() {
    cast();
    introduce();
    const size_t length = 60 + dice_.below(95);
    while (words() < length) {
      paragraph();
      episode();
    }
    ask_for_things();
    StoryText out{std::move(text_), {}, std::move(continuations_)};
    for (auto& question : questions_) {
      for (auto& choice : question.choices) choice = capital(choice);
      out.questions.push_back(std::move(question));
    }
    return out;
  }

 private:
  template <class List>
  std::string any(const List& list) {
    return dice_.any(list);
  }
  std::string any(std::initializer_list<std::string> list) { return dice_.any(list); }
  bool chance(double p) { return dice_.chance(p); }
  int range(int low, int high) { return dice_.range(low, high); }
  Person& someone() { return people_[dice_.below(people_.size())]; }
  int index_of(const Person& person) const { return static_cast<int>(&person - people_.data()); }
  Person& other_than(const Person& person) {
    return people_[(static_cast<size_t>(index_of(person)) + 1 + dice_.below(people_.size() - 1)) % people_.size()];
  }

  size_t words() const { return static_cast<size_t>(std::count(text_.begin(), text_.end(), ' ')) + 1; }
  void paragraph() { text_ += "\n"; }
  void say(const std::string& sentence) {
    if (!text_.empty() && text_.back() != '\n') text_ += ' ';
    text_ += capital(sentence);
  }
  // The right answer is `before` + `right` + `after`; the wrong ones have others of `list` in its place.
  void remember(const std::string& question, const std::string& before, const std::string& right,
                const std::string& after, const std::vector<std::string>& list) {
    Question made{"", question, choices_from(dice_, right, list)};
    for (auto& choice : made.choices) choice = before + choice + after;
    questions_.push_back(std::move(made));
  }
  // The sentence that is said next is one of `choices`, the first.
  void expect(const std::string& before, const std::string& right, const std::string& after,
              const std::vector<std::string>& list) {
    Continuation made{text_.size(), choices_from(dice_, right, list)};
    for (auto& choice : made.choices) choice = capital(before + choice + after);
    say(made.choices[0]);
    continuations_.push_back(std::move(made));
  }

  template <class List>
  static std::vector<std::string> all(const List& list) {
    return {list.begin(), list.end()};
  }
  std::vector<std::string> names(int count = 6) {
    std::vector<std::string> out;
    while (count-- > 0) out.push_back(invented_name(dice_));
    return out;
  }
  std::vector<std::string> near(int value) {
    std::vector<std::string> out;
    for (int i = std::max(0, value - 4); i <= value + 4; ++i) {
      if (i != value) out.push_back(number(i));
    }
    return out;
  }
  std::vector<std::string> wishes() {
    std::vector<std::string> out;
    for (int i = 0; i < 6; ++i) out.push_back(with_article(any_thing(dice_)));
    return out;
  }
  // Those of the story first, so that they are among the wrong answers.
  std::vector<std::string> people_and_others(const std::string& right) {
    std::vector<std::string> out;
    for (const auto& person : people_) {
      if (person.first != right) out.push_back(person.first);
    }
    while (out.size() < 3) {
      const std::string name = chance(0.5) ? any(kGirls) : any(kBoys);
      if (name != right && std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
    }
    return out;
  }

  std::string number(int value) { return value <= 20 && spelled_ ? kNumbers[value] : std::to_string(value); }

  void cast() {
    spelled_ = chance(0.5);
    const int count = range(2, 3);
    while (static_cast<int>(people_.size()) < count) {
      const bool girl = chance(0.5);
      const uint64_t first = dice_.below(kGirls.size()), family = dice_.below(kFamilies.size());
      // The hero belongs to the split; the others may be anyone with another first name.
      if (people_.empty() && split_of_person(first + (girl ? 0 : kGirls.size()), family) != split_) continue;
      const std::string name(girl ? kGirls[first] : kBoys[first]);
      if (std::any_of(people_.begin(), people_.end(), [&](const Person& p) { return p.first == name; })) continue;
      people_.push_back({name, std::string(kFamilies[family]), girl, any(kPlaces)});
    }
    while (things_.size() < 3) {
      const std::string noun = any(kThings), name = any(kColors) + " " + noun;
      const auto same = [&](const Thing& t) { return t.name.ends_with(" " + noun); };
      if (std::none_of(things_.begin(), things_.end(), same)) things_.push_back({name, kNowhere, ""});
    }
  }

  void introduce() {
    const Person& hero = people_[0];
    const std::string job = any(kJobs), town = invented_name(dice_), animal = any(kAnimals), pet = invented_name(dice_);
    const std::string full = hero.first + " " + hero.family, temper = any(kTempers);
    say(any({full + " was " + with_article(job) + " in the town of " + town + ".",
             "In the town of " + town + " there lived " + with_article(job) + " named " + full + ".",
             "Once there was " + with_article(job) + " called " + full + ", who lived in " + town + "."}));
    say(any(
        {hero.first + " had " + with_article(temper) + " " + animal + " named " + pet + ".",
         std::string(hero.he()) + " kept " + with_article(temper) + " " + animal + ", and its name was " + pet + "."}));
    std::vector<std::string> towns = names(), pets = names(), jobs;
    pets.push_back(town), towns.push_back(pet);
    for (const auto& other : all(kJobs)) jobs.push_back(with_article(other));
    remember("What was the name of the " + animal + "?", "the " + animal + " was named ", pet, ".", pets);
    remember("Where did " + full + " live?", std::string(hero.he()) + " lived in ", town, ".", towns);
    remember("What was the work of " + hero.first + "?", hero.first + " was ", with_article(job), ".", jobs);
    const std::string friends = people_.size() == 2 ? people_[1].first : people_[1].first + " and " + people_[2].first;
    say(any({hero.first + " was a good friend of " + friends + ".", "Every day " + hero.first + " met " + friends + ".",
             std::string(hero.his()) + (people_.size() == 2 ? " best friend was " : " best friends were ") + friends +
                 "."}));
  }

  void episode() {
    switch (dice_.below(6)) {
      case 0:
        return weather();
      case 1:
        return counting();
      case 2:
        return list();
      case 3:
        return wish();
      default:
        return errands();
    }
  }

  void weather() {
    const auto& [sky, mood] = kWeather[dice_.below(kWeather.size())];
    const Person& person = someone();
    say(any({"One morning ", "That day ", "Later ", "In the evening "}) + person.first + " looked out.");
    say(std::string(sky) + ", so " + person.first + " was " + std::string(mood) + ".");
    if (chance(0.5)) {
      const Person& friend_of = other_than(person);
      say(cat("\"Why are you ", mood, "?\" asked ", friend_of.first, "."));
      say(cat("\"", sky, ",\" said ", person.first, "."));
    }
  }

  // Sums and differences whose result is told, and asked for at the end.
  void counting() {
    Person& person = someone();
    const std::string food = any(kFoods);
    int count = range(2, 12);
    say(person.first + " had " + number(count) + " " + food + " in " + person.his() + " basket.");
    const int steps = range(1, 3);
    for (int i = 0; i < steps; ++i) {
      if (count > 3 && chance(0.5)) {
        const int less = range(1, count - 1);
        const Person& to = other_than(person);
        say(any({std::string(person.he()) + " gave " + number(less) + " to " + to.first + ".",
                 to.first + " ate " + number(less) + " of them.",
                 std::string(person.he()) + " sold " + number(less) + "."}));
        count -= less;
      } else {
        const int more = range(1, 8);
        say(any({std::string(person.he()) + " bought " + number(more) + " more.",
                 std::string(person.he()) + " found " + number(more) + " more.",
                 other_than(person).first + " brought " + number(more) + " more."}));
        count += more;
      }
      if (chance(0.6) || i + 1 == steps) {
        expect("now " + person.first + " had ", number(count), " " + food + ".", near(count));
      }
    }
    forget("How many " + food);
    remember("How many " + food + " did " + person.first + " have at the end?", person.first + " had ", number(count),
             " " + food + ".", near(count));
  }

  // A list that is read out twice.
  void list() {
    const Person& person = someone();
    const int count = range(3, 6);
    std::vector<std::string> items;
    const bool secret = chance(0.4);
    while (static_cast<int>(items.size()) < count) {
      const std::string item = secret ? invented_name(dice_) : any(kFoods);
      if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(item);
    }
    const std::string what = secret ? "secret words" : "shopping list", list = join(items, ", ");
    say(person.first + " wrote down the " + what + ": " + list + ".");
    if (chance(0.5)) errands();
    const Person& reader = chance(0.5) ? person : other_than(person);
    std::vector<std::string> wrong;
    for (auto mixed = items; wrong.size() < 4; wrong.push_back(join(mixed, ", "))) dice_.shuffle(mixed);
    expect(any({"Then ", "After a while ", "Soon "}) + reader.first + " read the " + what + " again: ", list, ".",
           wrong);
    if (!secret) items.insert(items.end(), {any(kFoods), any(kFoods), any(kFoods)});
    const int asked = range(0, count - 1);
    forget("What was the " + std::string(kOrdinals[asked]) + " of the " + what);
    remember("What was the " + std::string(kOrdinals[asked]) + " of the " + what + "?", "It was ",
             items[static_cast<size_t>(asked)], ".", items);
  }

  void wish() {
    Person& person = someone();
    Person& friend_of = other_than(person);
    const std::string wished = with_article(any_thing(dice_));
    say("\"What do you wish for?\" " + friend_of.first + " asked " + person.first + ".");
    say("\"I wish for " + wished + ",\" said " + person.first + ".");
    if (chance(0.6)) {
      errands();
      expect(any({"On the next day ", "A week later ", "In the end "}) + friend_of.first +
                 " remembered the wish and gave " + person.first + " ",
             wished, ".", wishes());
    }
    forget("What did " + person.first + " wish for");
    remember("What did " + person.first + " wish for?", person.first + " wished for ", wished, ".", wishes());
  }

  // People move, take, hide and hand over things.
  void errands() {
    for (int i = range(2, 4); i > 0; --i) {
      Person& person = someone();
      Thing& thing = things_[dice_.below(things_.size())];
      if (thing.holder == kNowhere) {
        take(person, thing);
      } else if (chance(0.5)) {
        hand_over(thing);
      } else {
        hide(thing);
      }
    }
  }

  void go(Person& person, const std::string& place) {
    if (person.place == place) return;
    say(any({person.first + " went to the ", person.first + " walked to the ", person.first + " ran to the ",
             "Then " + person.first + " hurried to the "}) +
        place + ".");
    person.place = place;
  }

  void take(Person& person, Thing& thing) {
    if (thing.where.empty()) {
      go(person, any(kPlaces));
      say(any({person.first + " found " + with_article(thing.name) + " there.",
               "There " + std::string(person.he()) + " saw " + with_article(thing.name) + " and took it."}));
    } else {
      say(person.first + " looked " + thing.where + " and took the " + thing.name + ".");
      person.place = thing.where.substr(thing.where.rfind(" the ") + 5);
    }
    thing.holder = index_of(person);
  }

  void hand_over(Thing& thing) {
    Person& giver = people_[static_cast<size_t>(thing.holder)];
    Person& taker = other_than(giver);
    if (giver.place != taker.place) go(giver, taker.place);
    say(any({giver.first + " gave the " + thing.name + " to " + taker.first + ".",
             taker.first + " asked for the " + thing.name + ", and " + giver.first + " handed it over."}));
    thing.holder = index_of(taker);
  }

  void hide(Thing& thing) {
    Person& person = people_[static_cast<size_t>(thing.holder)];
    go(person, any(kPlaces));
    const std::string container = any(kContainers);
    say(any({std::string(person.he()) + " put the " + thing.name + " in the " + container + ".",
             std::string(person.he()) + " hid the " + thing.name + " in the " + container + "."}));
    thing.holder = kNowhere;
    thing.where = "in the " + container + " in the " + person.place;
  }

  // A later event makes an older answer wrong.
  void forget(const std::string& beginning) {
    std::erase_if(questions_, [&](const Question& question) { return question.text.starts_with(beginning); });
  }

  void ask_for_things() {
    for (const Thing& thing : things_) {
      if (thing.holder != kNowhere) {
        const std::string& holder = people_[static_cast<size_t>(thing.holder)].first;
        remember("Who had the " + thing.name + "?", "", holder, " had the " + thing.name + ".",
                 people_and_others(holder));
      } else if (!thing.where.empty()) {
        std::vector<std::string> wrong;
        for (int i = 0; i < 6; ++i) wrong.push_back("in the " + any(kContainers) + " in the " + any(kPlaces));
        remember("Where was the " + thing.name + "?", "the " + thing.name + " was ", thing.where, ".", wrong);
      }
    }
  }

  Dice& dice_;
  WorldSplit split_;
  bool spelled_ = false;
  std::string text_;
  std::vector<Person> people_;  // the hero first; never grows after cast(), so references into it stay valid
  std::vector<Thing> things_;
  std::vector<Question> questions_;
  std::vector<Continuation> continuations_;
};

}  // namespace

StoryText tell_story(Dice& dice, WorldSplit split) {
  return Story(dice, split).tell();
}

std::optional<Question> claim(Dice& dice, const StoryText& story) {
  std::vector<const Question*> who;
  for (const auto& question : story.questions) {
    if (question.text.starts_with("Who had the ")) who.push_back(&question);
  }
  if (who.empty()) return std::nullopt;
  const Question& question = *who[dice.below(who.size())];
  std::string answer = dice.any({"yes", "no", "maybe"});
  // The first choice is right, the others are not.
  const std::string& choice = question.choices[answer == "no" ? 1 + dice.below(question.choices.size() - 1) : 0];
  const std::string name = choice.substr(0, choice.find(' '));
  std::string thing = question.text.substr(8, question.text.size() - 9);  // "the red ball"
  while (answer == "maybe" && story.text.find(thing.substr(thing.rfind(' ') + 1)) != std::string::npos) {
    thing = "the " + any_thing(dice);
  }
  return Question{"", "Did " + name + " have " + thing + " at the end?", {std::move(answer)}};
}

std::string story_document(Dice& dice, WorldSplit split, bool claims) {
  StoryText story = tell_story(dice, split);
  dice.shuffle(story.questions);
  const size_t count = std::min<size_t>(story.questions.size(), static_cast<size_t>(dice.range(2, 4)));
  for (size_t i = 0; i < count; ++i) {
    story.text += "\nQuestion: " + story.questions[i].text + " Answer: " + story.questions[i].choices[0];
  }
  if (!claims) return std::move(story.text);
  std::string asked_for;  // of what is told, not of the questions above
  for (int i = dice.range(0, 2); i > 0; --i) {
    if (const auto asked = claim(dice, story))
      asked_for += "\nQuestion: " + asked->text + " Answer: " + asked->choices[0];
  }
  story.text += asked_for;
  return std::move(story.text);
}

StorySentences::StorySentences(Dice& dice) : dice_(dice) {
  for (int i = 0; i < 4; ++i) people_.push_back(dice.chance(0.5) ? dice.any(kGirls) : dice.any(kBoys));
}

std::string StorySentences::next() {
  const std::string& person = people_[dice_.below(people_.size())];
  switch (dice_.below(4)) {
    case 0:
      return cat(kWeather[dice_.below(kWeather.size())].sky, ".");
    case 1:
      return person + " went to the " + dice_.any(kPlaces) + ".";
    case 2:
      return person + " saw " + with_article(dice_.any(kTempers)) + " " + dice_.any(kAnimals) + " near the " +
             dice_.any(kPlaces) + ".";
    default:
      return person + " was " + dice_.any({"happy", "tired", "hungry", "busy", "quiet", "late"}) + " and ate some " +
             dice_.any(kFoods) + ".";
  }
}

}  // namespace zebra::world
