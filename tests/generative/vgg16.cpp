// SPDX-License-Identifier: MIT

#include <losses/generative/vgg16.hpp>

#include <algorithm>
#include <cmath>

#include "catch.hpp"
#include "direct_vgg16.hpp"

namespace losses_test::vgg16 {

namespace {

template <class T>
using Tensor = typename losses::VGG16<T>::Tensor;

/// What is asked of float and of double, relative to the largest entry.
template <class T>
constexpr double bound = sizeof(T) == sizeof(float) ? 1e-5 : 1e-12;

// The same network, images and gradients in torchvision 0.14, in double:
//
//   def number(sequence, shape):
//       i = np.arange(np.prod(shape), dtype=np.uint64) + np.uint64(sequence << 40)
//       i = i * np.uint64(0x9e3779b97f4a7c15)
//       i = (i ^ (i >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
//       i = (i ^ (i >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
//       i = (i ^ (i >> np.uint64(31))) >> np.uint64(40)
//       return torch.tensor((i.astype(np.float64) * 2.0**-23 - 1).astype(np.float32).reshape(shape))
//   net = torchvision.models.vgg16(weights=None).features.requires_grad_(False)
//   for k, conv in enumerate(l for l in net if isinstance(l, torch.nn.Conv2d)):
//       scale = torch.tensor(np.float32(math.sqrt(6 / (9 * conv.in_channels))))
//       conv.weight.data = number(100 + k, conv.weight.shape) * scale
//       conv.bias.data = number(200 + k, conv.bias.shape) * 0.0625
//   for l in net:
//       if isinstance(l, torch.nn.ReLU): l.inplace = False
//   x = (number(1, (n, 3, h, w)) * 0.5 + 0.5).double().requires_grad_()
//   y = torchvision.transforms.functional.normalize(x, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))   # or x
//   features = []
//   for i, l in enumerate(net.double()):
//       y = l(y)
//       if i in layers: features.append(y)
//   gradient, = torch.autograd.grad(features, x, [number(10 + k, f.shape).double() for k, f in enumerate(features)])
//   for k, t in enumerate(features + [gradient]):
//       t = t.flatten(); r = number(20 + k, t.shape).double()
//       print((r * t).sum(), t.norm(), [t[j * 2654435761 % t.numel()] for j in (1, 2, 3, 4)])
struct Digest {
  double checksum;  ///< Σ rᵢ tᵢ with numbers r of a sequence
  double norm;
  std::array<double, 4> entries;
};

struct TorchCase {
  int n, h, w;
  std::vector<int> layers;
  bool normalizes;
  std::vector<Digest> digests;  ///< of the features of each layer and of the image's gradient
};

const std::vector<TorchCase>& torch_cases() {
  static const std::vector<TorchCase> cases = {
      {2,
       64,
       64,
       {3, 8, 15, 22},
       true,
       {{-480.1865232163658, 940.6145595936442, {2.6235923431980583, 0.0, 0.0, 0.15113479271929414}},
        {-484.1752875180909, 772.0489172169292, {0.0, 1.0204140780366096, 0.0, 0.0}},
        {721.9917130048204,
         674.3447699434082,
         {6.449350252160231, 3.8381336503176233, 1.4427723899116556, 0.5607589637115433}},
        {-42.55290954188677, 516.1354073155995, {0.0, 0.0, 0.0, 0.13328233854633015}},
        {2168.353066342385,
         2839.839371110546,
         {19.946613707963525, -6.70877669432088, 8.847992828020528, -14.389251847782146}}}},
      {2,
       51,
       37,
       {3, 8, 15, 22},
       true,
       {{-242.30195796874034, 626.2136738772533, {0.0, 1.0355207870418444, 0.3245782597254763, 0.0}},
        {-95.61833813773461, 500.2161335485803, {0.0, 2.0808329701497117, 2.223959691776204, 0.0}},
        {-172.97143628183494,
         406.58107816200766,
         {2.9699840865946627, 5.950133866460014, 0.951089025639073, 1.2156608891512273}},
        {-70.01034443854655, 255.0254144215602, {1.370806049558111, 0.8828008960105593, 0.0, 0.0}},
        {-1545.6403910097322,
         1813.0068957570395,
         {-6.811527901198053, -27.995441330087278, -35.0187158389152, -24.969293626116887}}}},
      {1,
       33,
       47,
       {0, 4, 16, 29, 30},
       false,
       {{-108.25625080774378,
         263.32420584384977,
         {-0.7396962347581567, -0.3360522389376089, 0.8906035573225065, -1.0132374468168748}},
        {-53.5434059325146,
         117.57048120904585,
         {1.0843502329600936, 0.529030031991765, 0.817524286636378, 0.6701010162193415}},
        {21.68184841966768, 47.88651035113276, {0.3853225056526505, 0.5601423317861719, 0.0, 0.6817041451356692}},
        {-1.9551736347683804, 8.711571350605691, {0.34274904839558973, 0.5300682452777368, 0.2099737264962364, 0.0}},
        {2.7543780755347766, 7.330712109905519, {0.22633523024547844, 0.7283497715237777, 0.16248222265048018, 0.0}},
        {-124.60587081010641,
         275.7243781121889,
         {-7.231467868551928, 1.643245346609988, 3.1072737191133624, 6.0072197426933736}}}}};
  return cases;
}

template <class T>
void check_digest(const Tensor<T>& tensor, std::uint64_t sequence, const Digest& want) {
  const auto size = static_cast<std::uint64_t>(tensor.size());
  double checksum = 0, squares = 0, largest = 0;
  for (std::uint64_t i = 0; i < size; ++i) {
    const auto value = static_cast<double>(tensor.data()[i]);
    checksum += static_cast<double>(generated_number(sequence, i)) * value;
    squares += value * value;
    largest = std::max(largest, std::abs(value));
  }
  CHECK(std::abs(std::sqrt(squares) - want.norm) <= bound<T> * want.norm);
  CHECK(std::abs(checksum - want.checksum) <= bound<T> * want.norm * std::sqrt(static_cast<double>(size) / 3));
  for (std::uint64_t k = 1; k <= 4; ++k) {
    INFO("entry " << k * 2654435761U % size);
    CHECK(std::abs(static_cast<double>(tensor.data()[k * 2654435761U % size]) -
                   want.entries[static_cast<std::size_t>(k - 1)]) <= bound<T> * largest);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("VGG16: features and the image's gradient are torchvision's", "", float, double) {
  for (const auto& each : torch_cases()) {
    INFO("[" << each.n << ", 3, " << each.h << ", " << each.w << "]");
    auto vgg = generated_vgg16<TestType>({.layers = each.layers, .normalize = each.normalizes});
    const auto features = vgg.forward(generated_image<TestType>(each.n, each.h, each.w));
    REQUIRE(features.size() == each.layers.size());
    for (std::size_t k = 0; k < features.size(); ++k) {
      INFO("layer " << each.layers[k]);
      check_digest<TestType>(features[k], 20 + k, each.digests[k]);
    }
    INFO("gradient");
    check_digest<TestType>(vgg.backward(generated_gradients(features)), 20 + features.size(), each.digests.back());
  }
}

TEMPLATE_TEST_CASE("VGG16: every entry of every layer is the loops of the definition", "", float, double) {
  struct Size {
    int n, h, w, last;
  };
  for (const auto& [n, h, w, last] : {Size{2, 7, 10, 9}, Size{1, 16, 17, 16}, Size{3, 4, 4, 7}, Size{1, 1, 1, 3}}) {
    INFO("[" << n << ", 3, " << h << ", " << w << "] to layer " << last);
    std::vector<int> layers;
    for (int layer = 0; layer <= last; ++layer) layers.push_back(layer);
    auto vgg = generated_vgg16<TestType>({.layers = layers, .normalize = h != 16});
    const auto image = generated_image<TestType>(n, h, w);
    const auto features = vgg.forward(image);
    DirectVGG16 direct(h != 16);
    const auto& want = direct.forward(planes_of(image), last);
    for (std::size_t k = 0; k < features.size(); ++k) {
      INFO("layer " << k);
      CHECK(difference(features[k], want[k]) <= bound<TestType>);
    }

    // All gradients at once; then each alone, which takes other ways through ReLU.
    const auto gradients = generated_gradients(features);
    std::vector<Planes> wanted;
    for (const auto& each : gradients) wanted.push_back(planes_of(each));
    CHECK(difference(vgg.backward(gradients), direct.backward(wanted)) <= bound<TestType>);
    for (std::size_t k = 0; k < features.size() && last < 10; ++k) {
      INFO("gradient of layer " << k << " alone");
      auto alone = typename losses::VGG16<TestType>::Features(features.size());
      alone[k] = gradients[k];
      std::vector<Planes> wanted_alone(features.size());
      wanted_alone[k] = wanted[k];
      const Planes from_all = direct.backward(wanted_alone);
      CHECK(difference(vgg.backward(alone), from_all) <= bound<TestType>);
      auto shorter = generated_vgg16<TestType>({.layers = {static_cast<int>(k)}, .normalize = h != 16});
      (void)shorter.forward(image);
      CHECK(difference(shorter.backward(std::vector{gradients[k]}), from_all) <= bound<TestType>);
    }
  }
}

TEST_CASE("VGG16: the gradient is the difference quotient of the features") {
  auto vgg = generated_vgg16<double>({.layers = {1, 4, 6}});
  auto image = generated_image<double>(1, 5, 6);
  const auto gradients = generated_gradients(vgg.forward(image));
  const auto value = [&] {
    const auto features = vgg.forward(image);
    double sum = 0;
    for (std::size_t k = 0; k < features.size(); ++k) {
      for (Eigen::Index i = 0; i < features[k].size(); ++i) sum += features[k].data()[i] * gradients[k].data()[i];
    }
    return sum;
  };
  const auto gradient = vgg.backward(gradients);
  for (Eigen::Index i = 0; i < image.size(); i += 7) {
    const double at = image.data()[i], step = 1e-7;
    image.data()[i] = at + step;
    const double above = value();
    image.data()[i] = at - step;
    const double below = value();
    image.data()[i] = at;
    CHECK(gradient.data()[i] == Catch::Approx((above - below) / (2 * step)).epsilon(1e-5).margin(1e-5));
  }
}

}  // namespace losses_test::vgg16
