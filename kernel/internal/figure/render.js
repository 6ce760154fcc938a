// Returns the function that draws one option as SVG. The option arrives as text and is parsed as JSON.
(function (echarts, themeText) {
  var theme = JSON.parse(themeText);
  return function (optionText, width, height) {
    var chart = echarts.init(null, theme, {renderer: 'svg', ssr: true, width: width, height: height});
    try {
      var option = JSON.parse(optionText);
      option.animation = false;
      delete option.toolbox; // buttons mean nothing in a picture
      chart.setOption(option);
      return chart.renderToSVGString();
    } finally {
      chart.dispose();
    }
  };
})
