// Numbers that CPython 3.11's random module gives.
#include "eval/python_random.h"

#include <gtest/gtest.h>

namespace zebra::python {
namespace {

TEST(PythonRandom, BitsAndFloats) {
  Random random(1234);
  EXPECT_EQ(random.next(), 4150886329u);
  EXPECT_EQ(random.next(), 3342196574u);
  EXPECT_EQ(random.next(), 1892932127u);
  EXPECT_EQ(random.uniform(), 0.11685051774599753);
  EXPECT_EQ(random.uniform(), 0.09064360641670188);
  EXPECT_EQ(random.uniform(), 0.942534766638793);
}

TEST(PythonRandom, SeedsOfMoreThan32Bits) {
  EXPECT_EQ(Random((uint64_t{1} << 40) + 17).next(), 2840774218u);
  EXPECT_EQ(Random(0).next(), 3626764237u);
}

TEST(PythonRandom, Samples) {
  EXPECT_EQ(Random(1234).sample(1000, 5), (std::vector<size_t>{989, 796, 451, 119, 7}));
  EXPECT_EQ(Random(1234).sample(21, 5), (std::vector<size_t>{14, 3, 0, 2, 1}));
  EXPECT_EQ(Random(1234).sample(22, 5), (std::vector<size_t>{14, 3, 0, 2, 18}));
  EXPECT_EQ(Random(7).sample(6, 6), (std::vector<size_t>{2, 1, 3, 5, 0, 4}));
  EXPECT_EQ(Random(3).sample(90, 10), (std::vector<size_t>{30, 75, 69, 16, 47, 77, 60, 80, 74, 8}));
  EXPECT_EQ(Random(3).sample(100, 25), (std::vector<size_t>{30, 75, 69, 16, 47, 77, 60, 80, 74, 8,  94, 1, 93,
                                                            33, 70, 29, 24, 87, 97, 85, 82, 50, 19, 84, 89}));
  EXPECT_EQ(Random(9).sample(300, 64),
            (std::vector<size_t>{237, 191, 136, 70,  95, 3,   173, 257, 41,  171, 283, 20,  194, 86, 231, 216,
                                 80,  121, 26,  56,  67, 259, 32,  196, 52,  149, 104, 114, 215, 44, 107, 203,
                                 143, 174, 22,  102, 2,  210, 28,  193, 251, 71,  12,  217, 57,  1,  62,  296,
                                 101, 103, 169, 4,   42, 68,  276, 8,   256, 43,  293, 254, 275, 35, 98,  47}));
}

}  // namespace
}  // namespace zebra::python
