// SPDX-License-Identifier: MIT

#include <losses/generative/safetensors.hpp>

#include <cmath>
#include <cstdio>
#include <limits>
#include <sstream>

#include <unistd.h>

#include "catch.hpp"
#include "generated_network.hpp"

namespace losses_test::safetensors {

namespace safetensors = losses::safetensors;

namespace {

/// A file of this header and these data.
std::string file_of(const std::string& header, const std::string& data = "") {
  std::string bytes;
  for (unsigned i = 0; i < 8; ++i) bytes += static_cast<char>(header.size() >> 8 * i & 0xffU);
  return bytes + header + data;
}

safetensors::Reader& reader_of(const std::string& bytes) {
  static std::istringstream stream;
  static std::unique_ptr<safetensors::Reader> reader;
  reader.reset();
  stream = std::istringstream(bytes);
  reader = std::make_unique<safetensors::Reader>(stream, "file");
  return *reader;
}

template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::string refusal_of(const std::string& bytes) {
  return refusal([&] { (void)reader_of(bytes); });
}

/// Removed when it goes out of scope.
struct TemporaryFile {
  std::string path = "test_generative_" + std::to_string(::getpid()) + ".safetensors";
  ~TemporaryFile() { std::remove(path.c_str()); }
};

/// The weights under torchvision's names; `convolutions` must outlive it.
template <class T>
std::vector<safetensors::Tensor<T>> named(const std::vector<typename losses::VGG16<T>::Convolution>& convolutions) {
  const int index[] = {0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28};
  std::vector<safetensors::Tensor<T>> tensors;
  for (std::size_t k = 0; k < convolutions.size(); ++k) {
    const std::string name = "features." + std::to_string(index[k]);
    const auto in = static_cast<std::uint64_t>(vgg16_channels[k]),
               out = static_cast<std::uint64_t>(vgg16_channels[k + 1]);
    tensors.push_back({name + ".weight", {out, in, 3, 3}, convolutions[k].weight});
    tensors.push_back({name + ".bias", {out}, convolutions[k].bias});
  }
  return tensors;
}

}  // namespace

TEST_CASE("safetensors: VGG16 from a file is VGG16 from memory") {
  const TemporaryFile file;
  const auto convolutions = generated_convolutions<float>(13);
  auto tensors = named<float>(convolutions);
  const std::vector<float> other = {1, 2, 3};
  tensors.insert(tensors.begin(), {"classifier.0.bias", {3}, other});
  safetensors::write(file.path, tensors);
  const auto image = generated_image<float>(1, 32, 35);
  for (const std::vector<int>& layers : {std::vector<int>{3, 8, 15, 22}, std::vector<int>{2}, std::vector<int>{30}}) {
    auto from_file = losses::load_vgg16<float>(file.path, {.layers = layers});
    auto from_memory = losses::VGG16<float>(convolutions, {.layers = layers});
    CHECK(same_bits(from_file.forward(image), from_memory.forward(image)));
  }
  auto in_double = losses::load_vgg16<double>(file.path, {.layers = {8}});
  auto from_memory = generated_vgg16<double>({.layers = {8}});
  const auto image_in_double = generated_image<double>(1, 32, 35);
  CHECK(same_bits(in_double.forward(image_in_double), from_memory.forward(image_in_double)));
}

TEST_CASE("safetensors: only what the layers need is asked for, and a missing name is named") {
  const TemporaryFile file;
  const auto convolutions = generated_convolutions<float>(2);
  auto tensors = named<float>(convolutions);
  safetensors::write(file.path, tensors);
  CHECK(losses::load_vgg16<float>(file.path, {.layers = {3}}).layers() == std::vector<int>{3});
  const auto load = [&](std::vector<int> layers) {
    return refusal([&] { (void)losses::load_vgg16<float>(file.path, {.layers = std::move(layers)}); });
  };
  CHECK(load({5}) == file.path + " has no tensor features.5.weight");
  tensors[2].shape = {64, 64, 9};
  safetensors::write(file.path, tensors);
  CHECK(load({3}) == file.path + ": tensor features.2.weight is [64, 64, 9], but must be [64, 64, 3, 3]");
  tensors.resize(1);
  safetensors::write(file.path, tensors);
  CHECK(load({1}) == file.path + " has no tensor features.0.bias");
  CHECK(refusal([] { (void)losses::load_vgg16("no/such/file"); }) == "no/such/file cannot be opened");
  CHECK(refusal([] { (void)losses::load_vgg16("."); }).starts_with(". "));
  CHECK(message_of([&] { (void)losses::load_vgg16(file.path, {.layers = {}}); }).starts_with("VGG16: layers is empty"));
}

TEST_CASE("safetensors: what is written is read, in every type, extremes too") {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> floats = {0.0F, -0.0F, 1.5F, 1e-45F, std::numeric_limits<float>::max(), -infinity};
  std::stringstream stream;
  safetensors::write<float>(stream,
                            {{"f", {2, 3}, floats}, {"none", {0, 7}, {}}, {"one \"quoted\" \xc3\xa9", {}, {{2.5F}}}});
  safetensors::Reader reader(stream);
  const auto read = reader.read<float>("f", {2, 3});
  CHECK(std::memcmp(read.data(), floats.data(), sizeof(float) * floats.size()) == 0);
  CHECK(reader.read<double>("f", {2, 3})[3] == static_cast<double>(1e-45F));
  CHECK(reader.read<float>("none", {0, 7}).empty());
  CHECK(reader.read<float>("one \"quoted\" \xc3\xa9", {}) == std::vector<float>{2.5F});
  CHECK(reader.tensors().size() == 3);

  std::stringstream in_double;
  const std::vector<double> doubles = {0.1, -1e300};
  safetensors::write<double>(in_double, {{"d", {2}, doubles}});
  safetensors::Reader double_reader(in_double);
  CHECK(double_reader.tensors().find("d")->second.type == "F64");
  CHECK(double_reader.read<double>("d", {2}) == doubles);
  CHECK(double_reader.read<float>("d", {2}) == std::vector<float>{0.1F, -infinity});

  // 1, −2, the largest, the smallest normal and denormal, 1/3, −0, ∞ and NaN of IEEE 754-2019, binary16; then of bfloat16.
  const std::string halves("\x00\x3c\x00\xc0\xff\x7b\x00\x04\x01\x00\x55\x35\x00\x80\x00\x7c\x01\x7c", 18);
  const std::string header = R"({"h":{"dtype":"F16","shape":[9],"data_offsets":[0,18]}})";
  const auto half = reader_of(file_of(header, halves)).read<float>("h", {9});
  const std::vector<float> want = {1, -2, 65504, 0x1p-14F, 0x1p-24F, 0.333251953125F, 0, infinity};
  CHECK(std::vector<float>(half.begin(), half.end() - 1) == want);
  CHECK(std::signbit(half[6]));
  CHECK(std::isnan(half[8]));
  const std::string brain("\x80\x3f\x00\xc0\x7f\x7f\x80\x00\x01\x00\xab\x3e\x00\x80\x80\x7f\xc0\x7f", 18);
  const std::string brain_header = R"({"h":{"dtype":"BF16","shape":[9],"data_offsets":[0,18]}})";
  const auto bfloat = reader_of(file_of(brain_header, brain)).read<double>("h", {9});
  CHECK(bfloat[0] == 1);
  CHECK(bfloat[1] == -2);
  CHECK(bfloat[2] == 0x1.fep127);
  CHECK(bfloat[3] == 0x1p-126);
  CHECK(bfloat[4] == 0x1p-133);
  CHECK(bfloat[5] == 0.333984375);
  CHECK(std::isnan(bfloat[8]));
}

TEST_CASE("safetensors: metadata, spaces, any order of keys and of tensors, and unknown types beside are allowed") {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"b":{"data_offsets":[4,8],"shape":[1],"dtype":"F32"},)"
      R"( "a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}, "c":{"dtype":"F4","shape":[3],"data_offsets":[8,10]}}   )";
  auto& reader = reader_of(file_of(header, std::string("\x00\x00\x80\x3f\x00\x00\x00\x40??", 10)));
  CHECK(reader.read<float>("a", {1}) == std::vector<float>{1});
  CHECK(reader.read<float>("b", {1}) == std::vector<float>{2});
  CHECK(refusal([&] { (void)reader.read<float>("c", {3}); }) ==
        "file: tensor c has type F4, but must have F64, F32, F16 or BF16");
  CHECK(reader_of(file_of("{}")).tensors().empty());
}

TEST_CASE("safetensors: a file that is cut off anywhere is refused") {
  const std::vector<float> values = {1, 2, 3};
  std::ostringstream stream;
  safetensors::write<float>(stream, {{"a", {3}, values}, {"b", {1, 2}, {{4.0F, 5.0F}}}});
  const std::string whole = stream.str();
  (void)reader_of(whole);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    INFO(size << " of " << whole.size() << " bytes");
    CHECK(refusal_of(whole.substr(0, size)).starts_with("file"));
  }
  CHECK(refusal_of(whole + '\0') == "file has 21 bytes of data, but its tensors 20");
}

TEST_CASE("safetensors: a stream that ends before its size is an error, and nothing is taken for the rest") {
  // As if the file were 2^62 bytes long.
  struct Liar : std::stringbuf {
    using std::stringbuf::stringbuf;
    pos_type seekoff(off_type off, std::ios::seekdir way, std::ios::openmode mode) override {
      return way != std::ios::beg ? pos_type(off_type{1} << 62) : std::stringbuf::seekoff(off, way, mode);
    }
    pos_type seekpos(pos_type, std::ios::openmode mode) override { return std::stringbuf::seekpos(0, mode); }
  };
  std::string bytes(20, ' ');
  bytes.replace(0, 8, std::string("\x00\xe0\xf5\x05\x00\x00\x00\x00", 8));  // a header of 99999744 bytes
  Liar liar(bytes, std::ios::in);
  std::istream stream(&liar);
  CHECK(refusal([&] { safetensors::Reader reader(stream, "file"); }) == "file cannot be read to its end");
}

TEST_CASE("safetensors: a header that is not of the format is refused, and the error says where") {
  const std::string too_long("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
  CHECK(refusal_of("") == "file has no header of a safetensors file");
  CHECK(refusal_of("1234567") == "file has no header of a safetensors file");
  CHECK(refusal_of(too_long) == "file: the header has 18446744073709551615 bytes, but only 2 follow");
  CHECK(refusal_of(file_of("")) == "file: the header does not begin with {");
  CHECK(refusal_of(file_of("[]")) == "file: the header does not begin with {");
  CHECK(refusal_of(file_of("{")) == "file: the header is not JSON at byte 2");
  CHECK(refusal_of(file_of("{}{}")) == "file: the header is not JSON at byte 3");
  CHECK(refusal_of(file_of("{\"\xff\":1}")).starts_with("file: the header is not JSON at byte"));
  CHECK(refusal_of(file_of(std::string("{}\0", 3))) == "file: the header has a zero byte");

  const auto value = [](const std::string& text) { return refusal_of(file_of("{\"a\":" + text + "}")); };
  CHECK(value("1") == "file: the header a is a number, but must be an object");
  CHECK(value("[]") == "file: the header a is an array, but must be an object");
  CHECK(value("null") == "file: the header a is null, but must be an object");
  CHECK(value("\"x\"") == "file: the header a is a string, but must be an object");
  CHECK(value("{}") == "file: the header tensor a has no dtype");
  CHECK(value(R"({"dtype":"F32"})") == "file: the header tensor a has no shape");
  CHECK(value(R"({"dtype":"F32","shape":[]})") == "file: the header tensor a has no data_offsets");
  CHECK(value(R"({"dtype":1})") == "file: the header tensor a has a number in dtype");
  CHECK(value(R"({"dtype":["F32"]})") == "file: the header tensor a has an array in dtype");
  CHECK(value(R"({"dtype":"F32","dtype":"F32"})") == "file: the header tensor a has dtype twice");
  CHECK(value(R"({"size":3})") == "file: the header tensor a has an unknown key size");
  CHECK(value(R"({"shape":3})") == "file: the header tensor a has a number in shape");
  CHECK(value(R"({"shape":"3"})") == "file: the header tensor a has a string in shape");
  CHECK(value(R"({"shape":["3"]})") == "file: the header tensor a has a string in shape");
  CHECK(value(R"({"shape":[[3]]})") == "file: the header tensor a has an array in shape");
  CHECK(value(R"({"shape":[{}]})") == "file: the header tensor a has an object in shape");
  CHECK(value(R"({"shape":[true]})") == "file: the header tensor a has a boolean in shape");
  CHECK(value(R"({"shape":[-1]})") == "file: the header tensor a has a negative number in shape");
  CHECK(value(R"({"shape":[1.0]})") == "file: the header tensor a has a number that is no 64-bit integer in shape");
  CHECK(value(R"({"shape":[18446744073709551616]})") ==
        "file: the header tensor a has a number that is no 64-bit integer in shape");
  CHECK(value(R"({"data_offsets":[1]})") == "file: the header tensor a has data_offsets that are not two numbers");
  CHECK(value(R"({"data_offsets":[1,2,3]})") == "file: the header tensor a has data_offsets that are not two numbers");
  std::string axes = "1";
  for (int i = 0; i < 32; ++i) axes += ",1";
  CHECK(value("{\"shape\":[" + axes + "]}") == "file: the header tensor a has more than 32 numbers in shape");
  CHECK(value(std::string(100000, '[')) == "file: the header a is an array, but must be an object");
  CHECK(value("{\"shape\":" + std::string(100000, '[')) == "file: the header tensor a has an array in shape");

  const std::string empty = R"({"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  CHECK(refusal_of(file_of("{\"a\":" + empty + ",\"a\":" + empty + "}")) == "file: the header has a twice");
  CHECK(refusal_of(file_of(R"({"__metadata__":{},"__metadata__":{}})")) == "file: the header has __metadata__ twice");
  CHECK(refusal_of(file_of(R"({"__metadata__":{"a":1}})")) == "file: the header __metadata__ has a number in a");
  CHECK(refusal_of(file_of(R"({"__metadata__":{"a":"1","a":"2"}})")) == "file: the header __metadata__ has a twice");
  CHECK(refusal_of(file_of("{\"" + std::string(1000, 'x') + "\\n\":1}")) ==
        "file: the header " + std::string(80, 'x') + "... is a number, but must be an object");
}

TEST_CASE("safetensors: tensors outside the file, over each other, with gaps or of another size are refused") {
  const auto file = [](const std::string& shape, const std::string& offsets, const char* type = "F32") {
    return refusal_of(file_of(
        R"({"a":{"dtype":")" + std::string(type) + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}",
        "12345678"));
  };
  CHECK(file("[2]", "[0,8]") == "nothing was thrown");
  CHECK(file("[3]", "[0,12]") == "file: tensor a has data_offsets [0, 12], but the file has 8 bytes of data");
  CHECK(file("[2]", "[8,0]") == "file: tensor a has data_offsets [8, 0], but the file has 8 bytes of data");
  CHECK(
      file("[2]", "[18446744073709551608,18446744073709551615]") ==
      "file: tensor a has data_offsets [18446744073709551608, 18446744073709551615], but the file has 8 bytes of data");
  CHECK(file("[3]", "[0,8]") == "file: tensor a of type F32 is [3], but has 8 bytes");
  CHECK(file("[2]", "[0,8]", "F64") == "file: tensor a of type F64 is [2], but has 8 bytes");
  CHECK(file("[]", "[0,8]", "F64") == "nothing was thrown");
  // 2^32 · 2^32 · 4 and (2^62 + 2) · 4 are 0 and 8 in 64 bits.
  CHECK(file("[4294967296,4294967296,2]", "[0,8]") ==
        "file: tensor a of type F32 is [4294967296, 4294967296, 2], but has 8 bytes");
  CHECK(file("[4611686018427387906]", "[0,8]") ==
        "file: tensor a of type F32 is [4611686018427387906], but has 8 bytes");
  CHECK(file("[18446744073709551615,0]", "[0,8]") ==
        "file: tensor a of type F32 is [18446744073709551615, 0], but has 8 bytes");
  CHECK(file("[18446744073709551615,0]", "[0,0]") == "file has 8 bytes of data, but its tensors 0");
  CHECK(file("[1]", "[0,4]") == "file has 8 bytes of data, but its tensors 4");
  CHECK(file("[1]", "[4,8]") == "file: tensor a begins at 4, but must at 0, where the one before it ends");

  const auto two = [](const std::string& first, const std::string& second) {
    return refusal_of(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)" + first +
                                  R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":)" + second + "}}",
                              "123456789012"));
  };
  CHECK(two("[0,4]", "[8,12]") == "file: tensor b begins at 8, but must at 4, where the one before it ends");
  CHECK(two("[0,4]", "[2,6]") == "file: tensor b begins at 2, but must at 4, where the one before it ends");
  CHECK(two("[4,8]", "[0,4]") == "file has 12 bytes of data, but its tensors 8");
  CHECK(two("[0,4]", "[0,4]") == "file: tensor b begins at 0, but must at 4, where the one before it ends");
}

TEST_CASE("safetensors: what cannot be written is refused") {
  const std::vector<float> values = {1, 2};
  const auto write = [](const std::vector<safetensors::Tensor<float>>& tensors) {
    std::ostringstream stream;
    const std::string why = message_of([&] { safetensors::write(stream, tensors); });
    CHECK(stream.str().empty());
    return why;
  };
  CHECK(write({{"a", {3}, values}}) == "safetensors: tensor a has 2 values, but its shape is [3]");
  CHECK(write({{"a", {2}, values}, {"a", {2}, values}}) == "safetensors: tensor a is given twice");
  CHECK(write({{"__metadata__", {2}, values}}) ==
        "safetensors: tensor __metadata__ has a name that the format does not allow");
  CHECK(write({{"\xff", {2}, values}}).ends_with("has a name that the format does not allow"));
  const std::string directory = "no/such/directory/file";
  CHECK(refusal([&] { safetensors::write<float>(directory, {{"a", {2}, values}}); }) ==
        directory + " cannot be written");
}

}  // namespace losses_test::safetensors
