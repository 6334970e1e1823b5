// Lists, exports and computes with the JavaScript client.
const ee = require(process.argv[5] + '/node_modules/@google/earthengine');
const [url, project] = process.argv.slice(2);

function fail(error) {
  console.error(String(error));
  process.exit(1);
}

function run() {
  const image = ee.Image('users/demo/elevation');
  const listed = ee.data.listAssets('projects/demo-project/assets').assets;
  const highest = image.reduceRegion(ee.Reducer.max()).getInfo();
  const region = ee.Geometry.Rectangle([11.4, 47.19, 11.41, 47.2]);
  const task = ee.batch.Export.image.toCloudStorage({
    image, description: 'from-javascript', bucket: 'demo-bucket', fileNamePrefix: 'js/e',
    region, scale: 30,
  });
  task.start(() => {
    console.log(JSON.stringify({names: listed.map((asset) => asset.id), highest}));
    process.exit(0);
  }, fail);
}

const authorized = () => ee.initialize(url, url, run, fail, null, project);
ee.data.setAuthToken('', 'Bearer', 'anyone', 3600, [], authorized, false);
