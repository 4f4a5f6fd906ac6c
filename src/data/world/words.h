#pragma once
// The words of the generated world (world.cpp).
#include <array>
#include <string_view>

namespace zebra::world {

using Word = std::string_view;

inline constexpr std::array kGirls = std::to_array<Word>(
    {"Anna", "Mia",  "Lily", "Emma", "Sara",  "Nora", "Ella", "Ruth", "Clara", "Alice", "Julia", "Maya",
     "Zoe",  "Iris", "Rosa", "Eva",  "Hanna", "Lena", "Olga", "Vera", "Tina",  "Molly", "Grace", "June"});
inline constexpr std::array kBoys = std::to_array<Word>(
    {"Tom",  "Ben",  "Max",  "Leo", "Sam",  "Paul", "Jack", "Oscar", "Felix", "Hugo", "David", "Peter",
     "Karl", "Adam", "Noah", "Tim", "Finn", "Otto", "Ivan", "Luca",  "Mark",  "Eric", "Henry", "Simon"});
inline constexpr std::array kFamilies = std::to_array<Word>(
    {"Baker",  "Miller", "Fisher", "Carter", "Mason", "Cooper", "Archer", "Potter", "Turner", "Weaver",
     "Hill",   "Wood",   "Stone",  "Brook",  "Field", "Marsh",  "Rivers", "Lake",   "Banks",  "Moss",
     "Brown",  "Green",  "White",  "Gray",   "Black", "Young",  "Long",   "Short",  "Swift",  "Strong",
     "Winter", "Summer", "Frost",  "Snow",   "Storm", "Bell",   "Cross",  "Church", "Bridge", "Park"});
inline constexpr std::array kJobs = std::to_array<Word>(
    {"baker", "teacher", "farmer", "doctor", "sailor", "painter", "gardener", "tailor",    "carpenter", "cook",
     "pilot", "singer",  "writer", "nurse",  "driver", "potter",  "miller",   "librarian", "fisher",    "clockmaker"});
inline constexpr std::array kPlaces = std::to_array<Word>(
    {"kitchen", "garden", "attic", "cellar", "library", "market",   "harbor",  "school", "bakery",         "park",
     "station", "museum", "barn",  "forest", "castle",  "workshop", "hallway", "tower",  "village square", "old mill"});
inline constexpr std::array kThings = std::to_array<Word>(
    {"key",   "ball",    "book",  "lamp",  "cup",    "hat",      "coin",     "drum",   "kite",    "map",
     "ring",  "rope",    "scarf", "shell", "spoon",  "toy boat", "umbrella", "vase",   "whistle", "candle",
     "clock", "feather", "flute", "glove", "hammer", "mirror",   "needle",   "pencil", "letter",  "stone"});
inline constexpr std::array kContainers =
    std::to_array<Word>({"box", "basket", "drawer", "bag", "chest", "bucket", "cupboard", "jar"});
inline constexpr std::array kColors = std::to_array<Word>(
    {"red", "blue", "green", "yellow", "white", "black", "brown", "purple", "orange", "pink", "silver", "golden"});
inline constexpr std::array kFoods =
    std::to_array<Word>({"apples", "pears", "plums", "eggs", "nuts", "cakes", "carrots", "onions", "lemons", "cherries",
                         "cookies", "rolls", "beans", "potatoes", "figs", "berries"});
inline constexpr std::array kAnimals = std::to_array<Word>(
    {"dog", "cat", "horse", "goat", "duck", "rabbit", "parrot", "donkey", "turtle", "mouse", "sheep", "goose"});
inline constexpr std::array kTempers = std::to_array<Word>(
    {"clever", "lazy", "friendly", "shy", "brave", "hungry", "noisy", "gentle", "curious", "sleepy"});
inline constexpr std::array kSyllables = std::to_array<Word>(
    {"ba",  "bo", "da",  "del", "fi", "ga", "gor", "ka",  "kel", "la",  "lin", "lo", "ma",  "mir", "mo",  "na",
     "nel", "pa", "pim", "ra",  "ri", "ro", "sa",  "sel", "ta",  "tis", "tor", "va", "vin", "wen", "zan", "zu"});

struct Weather {
  Word sky, mood;
};
inline constexpr std::array kWeather = std::to_array<Weather>({{"The sun was shining", "happy"},
                                                               {"It was raining", "wet"},
                                                               {"It was very cold", "glad of a warm coat"},
                                                               {"A strong wind was blowing", "careful"},
                                                               {"It was snowing", "excited"},
                                                               {"The air was hot and still", "thirsty"},
                                                               {"Fog lay over the fields", "quiet"},
                                                               {"The night was clear", "calm"}});

}  // namespace zebra::world
